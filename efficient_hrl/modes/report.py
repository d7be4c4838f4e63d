"""`--mode=report`: one HTML file about a run."""

from efficient_hrl.comparison.run_summary import read_run
from efficient_hrl.modes import plot
from efficient_hrl.report.build import PAGE, report_run
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.terminal.console import announce, called


def run(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Draws a run's plots anew and writes `report.html` into its folder; returns the exit status."""
    plot.run(folder, seed, gin_files, gin_bindings)
    page = folder.path(PAGE)
    report_run(read_run(folder.root), page)
    if not any(folder.path("videos").glob("*.mp4")):
        announce(f"no videos in it; make them first: {called()} --mode=video --root_dir={folder.root}")
    announce(f"wrote {page}")
    return 0
