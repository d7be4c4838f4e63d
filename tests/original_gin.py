"""The original's gin files, written anew from the list of their bindings."""

import csv

from tests import golden_data

METHODS = ("hiro_orig", "hiro_repr", "hiro_xy")
CONTEXTS = "context/configs"


def bindings():
    """Every (file, binding, value) of the original."""
    with open(golden_data.FOLDER / "gin_bindings.tsv", newline="") as file:
        return [(row["file"], row["binding"], row["value"]) for row in csv.DictReader(file, delimiter="\t")]


def tasks():
    """Names of the original's environment files."""
    names = {file.removeprefix(f"{CONTEXTS}/").removesuffix(".gin") for file, _, _ in bindings()}
    return sorted(name for name in names if "/" not in name and name not in (*METHODS, "default"))


def write_files(folder):
    """Writes all files below `folder`."""
    lines = {}
    for file, binding, value in bindings():
        line = f"import {value}" if binding == "import" else f"{binding} = {value}"
        lines.setdefault(file, []).append(line)
    for file, content in lines.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(content) + "\n")


def files(folder, method, task, mode="train"):
    """Paths of the files for one experiment."""
    names = ("configs/base_uvf", f"configs/{mode}_uvf", f"{CONTEXTS}/{method}", f"{CONTEXTS}/{task}")
    return [str(folder / f"{name}.gin") for name in names]
