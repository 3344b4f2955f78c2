"""The part of the page of measured figures that is about the review room."""

from typing import Any


def review_page(found: dict[str, Any]) -> str:
    """What was measured of the review room; a figure that is not there yet is left out."""
    parts, machine = found.get("parts", {}), found["machine"]
    loads = ", ".join(f"{name} {part['load_average_before']}" for name, part in sorted(parts.items()))
    text = (
        f"\n## The review room\n\n`make bench-review`, on {machine['cores']} cores ({machine['processor']}); load of "
        f"the machine before each part: {loads}. All spectra are simulated.\n\n| what | measured |\n|---|---|\n"
    )
    for name, words in _FIGURES.items():
        if name in found:
            text += f"| {words} | {found[name]:,} |\n"
    load = found.get("load")
    if load:
        text += (
            f"\n{load['n_reviewers']} reviewers, {load['think_s']} s to think each: {load['requests_per_s']} requests "
            f"a second, {load['n_verdicts']} verdicts in {load['seconds']:.0f} s, {load['n_lost']} of them lost. 95th "
            f"percentiles by kind of request [ms]: {', '.join(f'{kind} {ms}' for kind, ms in load['p95_ms'].items())}."
            "\n"
        )
    return text + _learning(found["looks"]) if "looks" in found else text


def _learning(looks: dict[str, Any]) -> str:
    counts = sorted(int(name) for name in looks["plain"])
    top = ", ".join(
        f"{n} in the first {int(rank):,}" for rank, n in sorted(looks["n_interesting_in_top"].items(), key=_n)
    )
    text = (
        f"\nThe survey of the learning benchmark holds {looks['n_interesting']} interesting objects among "
        f"{looks['n']:,}; plain ranking has {top}. Settings were chosen on another survey. Mean and standard error of "
        "random nine tenths of the survey, and in brackets the whole of it, which is one draw more:\n\n"
        f"| interesting objects | {' | '.join(f'in {n} looks' for n in counts)} |\n|{'---|' * (1 + len(counts))}\n"
    )
    for way, words in _WAYS.items():
        found = [looks[way][str(n)] for n in counts]
        cells = [f"{one['mean']:.0f} ± {one['se']:.0f} ({one['whole']})" for one in found]
        text += f"| {words} | {' | '.join(cells)} |\n"
    return text


def _n(item: tuple[str, int]) -> int:
    return int(item[0])


_WAYS = {
    "learned": "Gaussian process, then forest (default)",
    "gaussian": "Gaussian process throughout",
    "forest": "forest from the 10th label on",
    "aad": "AAD forest of coniferest",
    "pine": "PineForest of coniferest",
    "one_percent": "default, within the top 1 % alone",
    "plain": "plain ranking",
}
_FIGURES = {
    "page_flip_ms_p50": "from one spectrum to the next in Chromium, median [ms]",
    "page_flip_ms_p95": "the same, 95th percentile [ms]",
    "map_open_s": "the map of 1.6 million objects opens [s]",
    "lasso_ms": "a lasso on it [ms]",
    "next_ms": "the next objects of a queue of 1.6 million, 95th percentile [ms]",
    "refresh_s": "a ranking of 1.6 million objects from verdicts [s]",
    "looks_100": "interesting objects among the first 100 looks, learned",
    "plain_100": "the same, by plain score",
    "looks_200": "interesting objects among the first 200 looks, learned",
    "plain_200": "the same, by plain score",
    "load_p50_ms": "a request while fifty people review, median [ms]",
    "load_p95_ms": "the same, 95th percentile [ms]",
    "load_p99_ms": "the same, 99th percentile [ms]",
    "load_errors": "requests of theirs that went wrong",
}
