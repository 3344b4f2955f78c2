# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first run
#
# We simulate a small survey in the layout of DESI DR1, look for the quasars that do not fit, and see whether we may
# believe what comes out. Everything below works the same way on real DESI files: point `oddqso.run` at their folder.

# %%
from pathlib import Path

import pyarrow.parquet as pq
from IPython.display import Image, display

import oddqso

work = Path("runs/tutorial")

# %% [markdown]
# ## Data
# 600 targets: quasars with broad absorption, damped Lyman-alpha systems and reddening at their natural rates;
# galaxies, stars and sky fibers among them; and one in twelve quasars given an anomaly that we know of.
# `truth.parquet` says which.

# %%
survey = oddqso.simulate(work / "survey", n_target=600, seed=5, overrides=["anomaly_fraction=0.08"])
sorted(path.name for path in survey.iterdir() if not path.name.startswith("."))

# %% [markdown]
# ## The run
# One call brings ten stages up to date: sample, ingest, prepare, train, embed, fit, score, significance, release,
# report. Called again it finds nothing to do; killed in the middle it goes on where it was. The survey is small, so we
# give the model a larger share of it than the default, and fewer epochs.

# %%
run = oddqso.run(
    survey,
    work / "run",
    overrides=[
        "sample.fit_fraction=0.4",
        "sample.calibration_fraction=0.3",
        "train.max_epochs=6",
        "report.n_candidates=10",
    ],
)
for stage in run.status():
    print(f"{stage.name:13s} {stage.state:9s} {stage.n_rows or '':>5}")

# %% [markdown]
# ## The catalog
# One row a quasar, the oddest first. `SCORE` is -log10 of how rare so odd a spectrum is among ordinary ones of its
# signal-to-noise ratio and redshift. Only objects of the `TEST` split have p- and q-values: the others made the ruler.

# %%
columns = ["RANK", "TARGETID", "Z", "SNR", "SCORE", "P_VALUE", "Q_VALUE", "SPLIT"]
for row in run.catalog().select(columns).slice(0, 8).to_pylist():
    print({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})

# %% [markdown]
# What may be claimed of this list, in a sentence:

# %%
print(run.claim()["sentence"])

# %% [markdown]
# ## One object
# The words say what fired and where; the plot shows data, reconstruction, and the residual in units of its error.

# %%
target_id = run.catalog()["TARGETID"][0].as_py()
words, plot = oddqso.show(target_id, run.path)
print("\n".join(words))
display(Image(plot))

# %% [markdown]
# ## Were we right?
# Here we know the truth, so we can look it up. On real data people have to look; the report's pages are made for that.

# %%
truth = pq.read_table(survey / "truth.parquet", columns=["TARGETID", "KIND", "CLASS"]).to_pylist()
true_class = {row["TARGETID"]: row["CLASS"] or row["KIND"] for row in truth}
for row in run.catalog().slice(0, 12).to_pylist():
    print(f"{row['RANK']:3d}  {row['SCORE']:5.2f}  {true_class[row['TARGETID']]}")

# %% [markdown]
# The whole story, with every figure explained, is in the report:

# %%
print(run.report().relative_to(work))
