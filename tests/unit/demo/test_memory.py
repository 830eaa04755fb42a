"""Memory of a process tree, over a /proc laid out in a temporary folder."""

from pathlib import Path

from headgate_local.demo_memory import MemorySampler, descendants, memory_kb


def process(proc: Path, pid: int, parent: int, *, pss: int | None = None, rss: int | None = None) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a (strange) name) S {parent} 1 1")
    if pss is not None:
        (folder / "smaps_rollup").write_text(f"55d-7ff ---p [rollup]\nRss: {pss * 2} kB\nPss: {pss} kB\n")
    if rss is not None:
        (folder / "status").write_text(f"Name:\tx\nVmRSS:\t  {rss} kB\n")


def test_tree_holds_children_of_children_and_no_stranger(tmp_path: Path) -> None:
    process(tmp_path, 10, 1)
    process(tmp_path, 11, 10)
    process(tmp_path, 12, 11)
    process(tmp_path, 20, 1)
    assert sorted(descendants(10, tmp_path)) == [10, 11, 12]


def test_peak_is_the_largest_sum_of_pss(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, pss=1024)
    sampler = MemorySampler(root=10, proc=tmp_path)
    sampler.sample()
    process(tmp_path, 11, 10, pss=2048)
    sampler.sample()
    (tmp_path / "11" / "smaps_rollup").write_text("Pss: 1 kB\n")
    sampler.sample()
    assert (sampler.peak_mb, sampler.processes, sampler.method) == (3.0, 2, "PSS")


def test_rss_stands_in_and_says_so(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, rss=4096)
    assert memory_kb(10, tmp_path) == (4096, "RSS")
    sampler = MemorySampler(root=10, proc=tmp_path)
    sampler.sample()
    assert sampler.peak_mb == 4.0 and sampler.method.startswith("RSS")


def test_without_proc_the_method_says_so(tmp_path: Path) -> None:
    with MemorySampler(root=10, proc=tmp_path / "none") as sampler:
        pass
    assert sampler.peak_mb is None and "not available" in sampler.method


def test_process_that_ended_counts_nothing(tmp_path: Path) -> None:
    assert memory_kb(99, tmp_path) is None
