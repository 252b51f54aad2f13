"""`reseau monitor`: CSV in, CSV out, and the row at which a promise is broken."""

from reseau.theory import Monitor


def test_each_row_is_told_and_the_alarm_is_that_of_the_monitor(reseau, tmp_path):
    errors = [0, 1, 0, 0, 1, 1, 1, 0, 1, 1]
    (tmp_path / "e.csv").write_text("id,wrong\n" + "".join(f"{i},{e}\n" for i, e in enumerate(errors)))
    told = reseau("monitor", "e.csv", "--promised", "0.1", "--column", "wrong", "--out", "out.csv")
    assert told.status == 0, told.err
    expected = Monitor(0.1).update(errors)
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[-1] == f"10,6,{expected.log_evidence:.6g},1"
    assert f"broken since row {expected.broken_at}" in told.out
    assert [line[-1] for line in lines[1:]].index("1") + 1 == expected.broken_at


def test_bad_input_is_one_error(reseau, tmp_path):
    (tmp_path / "e.csv").write_text("wrong\n0\nnan\n")
    (tmp_path / "two.csv").write_text("a,b\n0,1\n")
    assert "line 3 says 'nan'" in reseau("monitor", "e.csv", "--promised", "0.1").err
    assert "--column with one of a, b" in reseau("monitor", "two.csv", "--promised", "0.1").err
    assert reseau("monitor", "two.csv", "--promised", "0.1", "--column", "a").out.startswith("rows,errors")
    assert (
        "there is no such" in (err := reseau("monitor", "none.csv", "--promised", "0.1").err) or "cannot be read" in err
    )
    assert reseau("monitor", "e.csv", "--promised", "1").status == 2
