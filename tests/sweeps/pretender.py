"""A program in place of run.py: runs that pretend, and note what becomes of them."""

from efficient_hrl.sweeps import own_command

# A run counts to ten in a file of its folder, which is its checkpoint, and goes on from there.
PROGRAM = """
import contextlib, json, os, pathlib, re, signal, sys, time

arguments = " ".join(sys.argv[1:])
notes = pathlib.Path(NOTES)
note = lambda text: open(notes, "a").write(text + "\\n")
if "--mode=report" in arguments:
    note("report " + re.search(r"--root_dir=(\\S+)", arguments)[1])
    sys.exit(0)
folder = pathlib.Path(re.search(r"--root_dir=(\\S+)", arguments)[1])
name = f"{folder.parent.name}/{folder.name}"
deed = os.environ.get("DEED", "")
if "wrong" in arguments:
    print("run.py: no such thing", file=sys.stderr)
    sys.exit(2)
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1) if not stopped else os._exit(143))
signal.signal(signal.SIGHUP, lambda *_: stopped.append(1))  # as often as it comes
folder.mkdir(parents=True, exist_ok=True)
state = folder / "count"
count = int(state.read_text()) if state.exists() else 0
note(f"begins {name} at {count} as {os.getpid()} under {os.getppid()} on {len(os.sched_getaffinity(0))}")
pipe = os.environ.get("EFFICIENT_HRL_REPORT_PIPE")
while count < 10 and not stopped:
    time.sleep(float(os.environ.get("PACE", "0.05")))
    count += 1
    state.write_text(str(count))
    if pipe:
        with contextlib.suppress(BrokenPipeError):  # who has begun it is gone
            os.write(int(pipe), (json.dumps({"steps": count, "total": 10, "success": {}}) + "\\n").encode())
note(f"{'stopped' if stopped else 'ends'} {name} at {count}")
sys.exit(1 if "fails" in arguments else 0)
"""


def install(folder, monkeypatch):
    """Lets sweeps run the pretender; returns the file of its notes."""
    notes, program = folder / "notes", folder / "pretender.py"
    program.write_text(PROGRAM.replace("NOTES", repr(str(notes))))
    notes.touch()
    monkeypatch.setattr(own_command, "_RUN", program)
    return notes


def lines(notes, word):
    """What was noted of a kind, without the word."""
    return [line.split(" ", 1)[1] for line in notes.read_text().splitlines() if line.startswith(word + " ")]
