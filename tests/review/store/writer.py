"""A process that writes verdicts, and tells each that was answered: ``writer.py URL REVIEWER FIRST COUNT``."""

import sys

from oddqso.review.store import NewVerdict, open_store


def main() -> None:
    """Write COUNT verdicts from TARGETID FIRST on; a line for each that the store has answered."""
    url, name, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    store = open_store(url)
    reviewer = store.reviewer(name) or store.ensure_local_reviewer(name)
    for target_id in range(first, first + count):
        said = NewVerdict(client_id=f"writer-{name}-{target_id}", target_id=target_id, verdict="ARTIFACT")
        stored, _ = store.add_verdict(reviewer.id, said)
        print(stored.id, target_id, flush=True)


if __name__ == "__main__":
    main()
