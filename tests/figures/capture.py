"""Figures as they are saved, to compare with the tables beside them."""

from efficient_hrl.figures import files


def captured(monkeypatch, *modules):
    """A dictionary that fills with figures by file name while `modules` draw."""
    figures = {}

    def save_figure(figure, path):
        figures[path.name] = figure
        return files.save_figure(figure, path)

    for module in modules:
        monkeypatch.setattr(module, "save_figure", save_figure)
    return figures
