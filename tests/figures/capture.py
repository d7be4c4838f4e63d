"""Figures as they are saved, to compare with the tables beside them."""

from matplotlib.backends import backend_agg

from efficient_hrl.figures import files


def cut_off(figure):
    """Texts of a figure, as it is saved, that reach beyond its edges."""
    canvas = backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.texts)]
    for axis in figure.axes:
        texts += [axis.title, axis.xaxis.label, axis.yaxis.label, *axis.texts]
        texts += axis.get_legend().texts if axis.get_legend() else []
    found = []
    for text in texts:
        box = text.get_window_extent(canvas.get_renderer())
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        if text.get_text().strip() and text.get_visible() and not inside:
            found.append(text.get_text())
    return found


def captured(monkeypatch, *modules):
    """A dictionary that fills with figures by file name while `modules` draw."""
    figures = {}

    def save_figure(figure, path):
        figures[path.name] = figure
        return files.save_figure(figure, path)

    for module in modules:
        monkeypatch.setattr(module, "save_figure", save_figure)
    return figures
