"""What each key of ``metrics.json`` means: the reference page is made from this list, and a test compares it."""

from typing import Final

KEYS: Final = {
    "sample.title": "Heading of the report",
    "sample.simulated": "Whether the spectra are simulated",
    "sample.n": "Spectra in the catalog",
    "sample.n_scored": "Spectra with a score",
    "sample.n_fit": "Spectra of the split FIT, scored or not",
    "sample.n_calibration": "Spectra of the split CALIBRATION, scored or not",
    "sample.n_test": "Spectra of the split TEST, scored or not",
    "sample.n_tested": "Spectra with a p-value",
    "sample.snr_median": "Median S/N of a native pixel, over scored spectra",
    "sample.z_median": "Median redshift of scored spectra",
    "sample.z_min": "Lowest redshift of scored spectra",
    "sample.z_max": "Highest redshift of scored spectra",
    "waterfall[].name": "A cut, in the order in which they were made",
    "waterfall[].description": "What it asks for",
    "waterfall[].n_in": "Objects before it",
    "waterfall[].n_out": "Objects after it",
    "waterfall[].n_flagged": "Objects that got a quality bit there and went on",
    "waterfall[].strict": "Whether it leads from the permissive sample to the strict one",
    "quality.*": "Spectra that bear a quality bit, by its name; bits that none bears are left out",
    "claim.*": "What the list may claim, as the stage significance says it: the sentence, counts, and for each level "
    "the shortest list possible",
    "discoveries[].alpha": "Nominal false discovery rate",
    "discoveries[].n": "Spectra whose q-value is at most that",
    "discoveries[].r_min": "The fewest spectra that a list at that rate can hold",
    "p_values.n": "Number of p-values",
    "p_values.ks": "Largest distance of their distribution from the uniform one (Kolmogorov-Smirnov)",
    "p_values.ks_p": "Probability of a larger distance if they were uniform and independent",
    "p_values.share_at_most_1_percent": "Share of p-values of at most 0.01",
    "p_values.share_at_most_10_percent": "Share of p-values of at most 0.1",
    "p_values.smallest": "The smallest p-value",
    "flatness.*.snr": "Spearman's rank correlation with S/N of SCORE, of a raw SCORE_<NAME> or of a TAIL_<NAME>, over "
    "held-out strict spectra (ordinary ones where the truth is known); 0 is flat",
    "flatness.*.z": "The same with redshift",
    "accuracy[].snr_min": "Lowest S/N of a native pixel; the first entry is for all spectra with S/N of at least 2",
    "accuracy[].snr_max": "Highest S/N; null is no limit",
    "accuracy[].n": "Spectra in the bin: strict ones of the split CALIBRATION, which no training of the run learns "
    "from, at most n_quality in all; ordinary ones where the truth is known. On native pixels as in the files",
    "accuracy[].accuracy": "A = 1 - median over spectra of sqrt(max(0, mean[r^2 - 1/ivar])) / mean[flux]; r is flux "
    "minus reconstruction, the means are over good pixels redward of Lyman alpha with weights ivar",
    "accuracy[].accuracy_low": "2.5th percentile of A over resampled spectra (bootstrap); null of fewer than 20",
    "accuracy[].accuracy_high": "97.5th percentile of A over resampled spectra (bootstrap); null of fewer than 20",
    "accuracy[].accuracy_lines": "A of the pixels within 3000 km/s of a broad emission line",
    "accuracy[].share_at_noise": "Share of spectra that differ from the model by no more than their noise; A is 1 "
    "where it is above one half",
    "accuracy[].within_1_sigma": "Share of pixels within one standard deviation of noise and model error; 0.683 is "
    "Gaussian",
    "accuracy[].within_2_sigma": "Within two; 0.954 is Gaussian",
    "accuracy[].within_3_sigma": "Within three; 0.997 is Gaussian",
    "accuracy[].explained_variance": "Median share of the flux's variance beyond noise that the model explains",
    "accuracy[].chi_width": "Median over spectra of half the central 68.27 % of the whitened residual; 1 is perfect",
    "lines[].line": "Emission line and its wavelength [Angstrom]; those redward of Lyman alpha that at least 20 "
    "held-out spectra with S/N of at least 2 cover",
    "lines[].n": "Their number",
    "lines[].accuracy": "A of the pixels within 3000 km/s of the line",
    "lines[].accuracy_low": "2.5th percentile of it over resampled spectra (bootstrap)",
    "lines[].accuracy_high": "97.5th percentile",
    "chi_width.*[].wave_min": "Lower edge of a bin of observed or rest wavelength [Angstrom]",
    "chi_width.*[].wave_max": "Upper edge [Angstrom]",
    "chi_width.*[].width": "Half the central 68.27 % of the whitened residual in it; 1 is perfect",
    "agreement.n_top": "Length of each detector's top list: 1 % of the scored spectra, at least 20",
    "agreement.overlap.*.*": "Spectra on the lists of both detectors",
    "agreement.alone.*": "Spectra that this detector found and no other one (column FOUND_BY)",
    "agreement.in_merged.*": "Spectra on this detector's list and on that of the merged score",
    "training.n_epoch": "Epochs of the training",
    "training.n_train": "Spectra that taught the model",
    "training.start": "scratch, pretrained (trained weights as they are; curves, n_epoch, n_train and calibration are "
    "theirs) or finetune (trained weights that learned from this run)",
    "training.weights": "SHA-256 of the weights that it started from; null from scratch",
    "training.weights_simulated": "Whether `oddqso pretrain` made those weights, by their card: then no spectrum of "
    "this run has taught them; others may have learned from spectra of this run. Null from scratch",
    "training.weights_n_train": "Spectra that taught those weights in their last training; null from scratch",
    "training.linear_corrected": "Whether finetuning corrected the linear part, as it does if held-out spectra are "
    "likelier with the correction; null of other starts",
    "training.network_changed": "Whether an epoch of finetuning was better, on held-out spectra, than the network that "
    "it started from, which is kept otherwise; null of other starts",
    "training.calibration.n_spec": "Held-out spectra that set the model's error",
    "training.calibration.measured_on_others": "Whether accuracy and width of the card are measured on other held-out "
    "spectra than these; fewer than 40 do both",
    "training.calibration.noise_share": "Share of the noise promised by ivar that is there, median over wavelengths; "
    "at most 1",
    "training.n_active": "Latents whose mean divergence from the prior is above 0.1 nat; as all figures of latents "
    "here, on spectra of this run: held-out ones of its training, or, of pretrained weights, the first ones of the "
    "split FIT, which those weights may have learned from unless weights_simulated. Null where there are too few",
    "training.redshift_r2": "Redshift leakage: share of the variance of ln(1 + z), beyond what luminosity and S/N "
    "tell, that functions of single active latents but the amplitude explain, at the same coverage; what an endless "
    "sample would give, right on average and below 0 at times. Spectra with S/N of at least 2 and z from 0.7 to 2.6; "
    "null with fewer than 60, or five a latent, in each of three intervals of redshift",
    "training.redshift_r2_sigma": "Its standard deviation; too large, up to twice, with few spectra",
    "training.redshift_r2_products": "The same with products of all pairs of latents; null without thousands of "
    "spectra",
    "training.redshift_r2_products_sigma": "Its standard deviation",
    "training.redshift_n": "Spectra that it was measured with",
    "training.shift_consistency": "Median distance in the active latents between a spectrum and the same one placed at "
    "another redshift, whole pixels away, with the same coverage, over the median distance to the nearest other "
    "spectrum; latents but the amplitude, S/N of at least 2",
    "training.shift_n": "Spectra that it was measured with",
    "training.of_weights.n_active": "Of pretrained weights, what their card says, measured on held-out spectra of the "
    "kind that they were made with (simulated ones, if shipped), not on this run; null otherwise",
    "training.of_weights.redshift_r2": "As training.redshift_r2, there",
    "training.of_weights.redshift_r2_sigma": "Its standard deviation",
    "training.of_weights.redshift_r2_products": "As training.redshift_r2_products, there",
    "training.of_weights.redshift_r2_products_sigma": "Its standard deviation",
    "training.of_weights.redshift_n": "Spectra that it was measured with",
    "training.of_weights.shift_consistency": "As training.shift_consistency, there",
    "training.of_weights.shift_n": "Spectra that it was measured with",
    "training.seed_stability.of": "What was compared; not this run, which trains once, but its recipe on simulated "
    "quasars, by `make bench-model`; the figures are null of pretrained weights, where nothing depends on a seed",
    "training.seed_stability.n_seed": "Models that differ in nothing but the seed",
    "training.seed_stability.n_learn": "Spectra that each learned from",
    "training.seed_stability.n_spec": "Other spectra, which all scored",
    "training.seed_stability.rank_correlation": "Spearman's rank correlation of the merged scores of two, mean of "
    "pairs",
    "training.seed_stability.rank_correlation_min": "The lowest",
    "training.seed_stability.top_in_common": "Share of the top 1 % that two have in common, mean of pairs",
    "training.last.*.*": "What the last epoch measured, by split: loss, reconstruction and KL [nat], beta",
    "truth.n_odd": "Simulated surveys only. Objects in the catalog that are not ordinary quasars: planted anomalies, "
    "wrong redshifts, stars, galaxies, sky, stuck fibers",
    "truth.reconstruction[].snr_min": "Lowest S/N of a native pixel",
    "truth.reconstruction[].snr_max": "Highest S/N; null is no limit",
    "truth.reconstruction[].n": "Held-out ordinary spectra whose true flux could be simulated again: those of at most "
    "six healpix pixels; bins of fewer than 20 are left out; the last bin is all with S/N above 5",
    "truth.reconstruction[].error": "Truth error: median over them of the root mean square difference of the "
    "reconstruction and the spectrum without its noise (errors of the flux calibration are in both), as a share of its "
    "mean; weights ivar, pixels redward of Lyman alpha",
    "truth.reconstruction[].light": "The same against the light of the quasar behind dust and optics, which lacks the "
    "errors of the flux calibration, too",
    "truth.reconstruction[].calibration": "The same of the spectrum without its noise against that light: errors of "
    "the flux calibration, which no reconstruction can undo",
    "truth.reconstruction[].error_low": "2.5th percentile of error over resampled spectra (bootstrap)",
    "truth.reconstruction[].error_high": "97.5th percentile",
    "truth.reconstruction[].light_low": "2.5th percentile of light",
    "truth.reconstruction[].light_high": "97.5th percentile",
    "truth.reconstruction[].calibration_low": "2.5th percentile of calibration",
    "truth.reconstruction[].calibration_high": "97.5th percentile",
    "truth.n_ordinary": "Ordinary quasars in the catalog",
    "truth.n_judged": "Scored held-out objects (not FIT) with known truth, which completeness is measured on",
    "truth.false_positive_rate": "The rate at which scores are cut for completeness: this share of ordinary spectra "
    "exceeds the cut",
    "truth.false_positives.n": "Tested ordinary quasars",
    "truth.false_positives.n_flagged": "Of these, how many are on the list at the largest nominal rate",
    "truth.false_positives.rate": "n_flagged / n",
    "truth.false_positives.upper_limit": "Clopper and Pearson's one-sided 95 % upper limit of the rate",
    "truth.ordinary_p_values.*": "As p_values, for ordinary quasars alone: they should be uniform or larger",
    "truth.completeness.*": "Share of all odd objects above the cut, by SCORE and by each detector",
    "truth.classes[].class": "A class of odd objects",
    "truth.classes[].n": "Judged objects of the class",
    "truth.classes[].found": "Of these, how many the merged score puts above the cut",
    "truth.classes[].completeness": "found / n",
    "truth.classes[].low": "Lower end of Jeffreys' 95 % interval",
    "truth.classes[].high": "Upper end of Jeffreys' 95 % interval",
    "truth.classes[].by_score.*": "Share above the cut, by SCORE and by each detector",
    "truth.classes[].n_tested": "Objects of the class with a p-value",
    "truth.classes[].n_listed": "Of these, how many are on the list at the largest nominal rate",
    "truth.by_snr[].snr_min": "Lower edge of a bin of S/N; bins without odd objects are left out",
    "truth.by_snr[].snr_max": "Upper edge; null is none",
    "truth.by_snr[].n": "Judged odd objects in the bin, of all classes",
    "truth.by_snr[].found": "Of these, how many the merged score puts above the cut",
    "truth.by_snr[].completeness": "found / n",
    "truth.by_snr[].low": "Lower end of Jeffreys' 95 % interval",
    "truth.by_snr[].high": "Upper end of Jeffreys' 95 % interval",
    "truth.fdr[].alpha": "Nominal false discovery rate",
    "truth.fdr[].n": "Discoveries at that rate",
    "truth.fdr[].n_false": "Ordinary quasars among them",
    "truth.fdr[].fdp": "n_false / n; null without discoveries",
    "truth.fdr[].low": "Lower end of Jeffreys' 95 % interval",
    "truth.fdr[].high": "Upper end of Jeffreys' 95 % interval",
    "truth.top[].n": "Length of the list by rank",
    "truth.top[].n_odd": "Odd objects on it",
    "truth.top[].by_class.*": "Odd objects on it, by class",
    "candidates[].rank": "Rank of a candidate with a figure in the report",
    "candidates[].target_id": "Its TARGETID, as text: it is above 2**53",
    "candidates[].fired": "Detectors that put it among the oddest 1 % of its like, strongest first",
    "candidates[].words": "What the report says of it",
}
"""Every key, ``[]`` for the items of a list and ``*`` for any name."""


def metrics_page() -> str:
    """The reference page of ``metrics.json``, in Markdown.

    Examples
    --------
    >>> metrics_page().splitlines()[0]
    '# Keys of metrics.json'
    """
    lines = [
        "# Keys of metrics.json",
        "",
        "`report/metrics.json` holds every figure that stands in the report. `[]` marks the items of a list, `*` any",
        "name. What is unknown is null.",
        "",
        "| key | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{key}` | {meaning} |" for key, meaning in KEYS.items()]
    return "\n".join(lines) + "\n"
