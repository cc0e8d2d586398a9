"""What stands on a real terminal while something takes its time, and that nothing of it gets into a pipe."""

import os
import pty
import re
import signal
import subprocess

from conftest import BINARY, DEADLINE

ROWS = 300


def at_a_terminal(folder, *arguments):
    """What a person sees of a subcommand, and what went to its standard output."""
    ours, theirs = pty.openpty()
    variables = {"PATH": os.environ["PATH"], "DB_NAME": "shop.sqlite3"}
    with subprocess.Popen(
        [BINARY, *arguments], cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while more := os.read(ours, 4096):
                seen += more
        except OSError:
            pass  # The other end is closed: that is how a terminal of Linux says so.
        said = process.stdout.read()
        assert process.wait(DEADLINE) == 0, seen + said
    os.close(ours)
    return seen.decode(), said.decode()


def bars(seen):
    """(what, percent, done, total) of each time that a bar was drawn."""
    drawn = re.findall(r"\r(\w[\w -]*?) +\[[#.]{30}\] +(\d+) %  (\d+) of (\d+)", seen)
    return [(what, *(int(number) for number in numbers)) for what, *numbers in drawn]


def test_an_import_shows_how_far_it_is(tmp_path):
    lines = ["name,sku,price,stock", *(f"Cup {number},CUP-{number},1.00,2" for number in range(ROWS))]
    (tmp_path / "cups.csv").write_text("\n".join(lines) + "\n")
    seen, said = at_a_terminal(tmp_path, "import", "products", "cups.csv")
    assert said == f"{ROWS} created, 0 changed, 0 unchanged; 0 rows refused.\n"
    drawn = bars(seen)
    shares = [percent for _, percent, _, _ in drawn]
    assert shares[0] < 100 and shares[-1] == 100 and shares == sorted(shares), seen
    size = (tmp_path / "cups.csv").stat().st_size
    assert drawn[-1][2:] == (size, size)

    seen, said = at_a_terminal(tmp_path, "export", "products", "out.csv")
    assert f"{ROWS} rows" in seen + said

    seen, said = at_a_terminal(tmp_path, "transfer", "--from", "sqlite:shop.sqlite3", "--to", "sqlite:other.sqlite3")
    drawn = bars(seen)
    assert drawn and drawn[-1][1] == 100 and drawn[-1][2] == drawn[-1][3] > ROWS, seen
    assert "[" not in said


def test_a_start_at_a_terminal_says_where_the_shop_is_and_what_comes_next(tmp_path):
    for command, told, untold in [
        ([], ["/docs/", "demo`", "createsuperuser`", "Ctrl+C"], []),
        (["demo"], ["/docs/", "staff@example.com", "Ctrl+C"], ["demo`", "createsuperuser`"]),
    ]:
        ours, theirs = pty.openpty()
        variables = {"PATH": os.environ["PATH"], "DB_NAME": "shop.sqlite3", "BIND": "127.0.0.1:0"}
        process = subprocess.Popen(
            [BINARY, *command], cwd=tmp_path, env=variables, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen = ""
        try:
            while "Ctrl+C" not in seen:
                seen += os.read(ours, 4096).decode()
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0, seen
            os.close(ours)
        link = re.search(r"The shop is running at (http://127\.0\.0\.1:\d+/)\s", seen)
        assert link and link.group(1) + "docs/" in seen, seen
        assert "INFO" in seen and '"level"' not in seen, "log lines are text"
        assert all(part in seen for part in told) and not any(part in seen for part in untold), seen
