from efficient_hrl import progress
from efficient_hrl.progress import Progress


def test_without_a_terminal_there_is_a_line_a_minute(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = Progress(total_steps=10_000, done_steps=1_000)
    for second in range(180):
        now[0] = 100.0 + second + 1
        shown.update(1_000 + 10 * (second + 1))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert (
        lines[0] == "1,600 of 10,000 environment steps, 10 steps/s, 00:14:00 left, success: not evaluated yet"
    )
    shown.evaluated({"eval1": 1.0, "eval2": 0.25})
    assert "success: eval1=1.00 eval2=0.25" in capsys.readouterr().err
    shown.close()


def test_on_a_terminal_there_is_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    shown = Progress(total_steps=100, done_steps=50)
    shown.update(100)
    shown.evaluated({"eval1": 0.5})
    shown.close()
    text = capsys.readouterr().err
    assert "100%" in text and "100/100" in text and "success eval1=0.50" in text
