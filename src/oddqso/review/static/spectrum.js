// A spectrum: flux over residuals, on one wavelength axis.

import uPlot from "./vendor/uplot/uPlot.esm.js";
import * as draw from "./draw.js";
import { gestures } from "./gestures.js";
import { decoded, floats, fullRange, robustRange, smoothed, smoothedChi } from "./signal.js";

const COLORS = ["flux", "flux-raw", "error-band", "model", "model-band", "chi", "chi-strong", "grid", "axis", "zero",
  "band-sky", "band-telluric", "band-join", "mask", "peak", "line-broad", "line-narrow", "line-absorption", "ink", "muted", "panel"];
const EXPOSURE_COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const EXPOSURE_DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const HINT = "drag: zoom · shift and drag: move · wheel: zoom · double click: whole range";
const PEAK_SPAN = 300;
const LEFT = 62, RIGHT = 14, LEAST_SPAN = 20;

/** What may be set, and with what it begins. */
export const DEFAULTS = {
  z: 0, smooth: 2, log: false, robust: true, raw: true, error: true, model: true, bands: true, peaks: true,
  lines: new Set(["broad", "narrow"]), hiddenIons: new Set(), exposures: [], residual: true,
};

/**
 * `new SpectrumPlot(element, {lines, ...})`, then `show(payload, {z})` for each spectrum and `set(name, value)` for
 * each option of `DEFAULTS`. `lines` is the list of /api/v1/lines. The reconstruction stays where it is when z moves.
 */
export class SpectrumPlot {
  constructor(element, { lines = [], onRange = () => {}, ...options } = {}) {
    this.element = element;
    this.catalog = lines;
    this.onRange = onRange;
    this.options = { ...DEFAULTS, ...options };
    this.data = null;
    this.range = [3600, 9824];
    element.classList.add("spectrum");
    this.frames = ["flux", "residual"].map((name) => {
      const frame = document.createElement("div");
      frame.className = `spectrum-${name}`;
      element.append(frame);
      return frame;
    });
    this.readout = Object.assign(document.createElement("p"), { className: "spectrum-readout" });
    this.readout.textContent = HINT;
    element.append(this.readout);
    this.build();
    new ResizeObserver(() => this.resize()).observe(element);
    document.addEventListener("themechange", () => this.build());
  }

  /** Draw a spectrum: the answer of /objects/{id}/spectrum, or one without model and residual. */
  show(payload, { z = payload.z, exposures = [], keepRange = false } = {}) {
    this.data = prepared(payload, this.options.smooth).data;
    this.payload = payload;
    this.options.z = z ?? 0;
    this.peak = undefined;
    this.options.exposures = exposures;
    this.whole = [this.data.wave0, this.data.wave0 + (this.data.n - 1) * this.data.step];
    if (!keepRange) this.range = [...this.whole];
    this.smooth();
    this.place();
  }

  /** Set an option. */
  set(name, value) {
    this.options[name] = value;
    if (name === "z") return this.redraw(true);
    if (name === "log" || name === "residual") this.build();
    else if (name === "smooth") { this.smooth(); this.place(); }
    else if (name === "robust") this.place();
    else this.redraw(false);
    return undefined;
  }

  smooth() {
    if (!this.data) return;
    this.shown = prepared(this.payload, this.options.smooth).shown;
  }

  /** Show wavelengths from `low` to `high` [Angstrom, observed]. */
  go(low, high) {
    if (!this.data) return;
    const span = Math.max(LEAST_SPAN, Math.min(high - low, this.whole[1] - this.whole[0]));
    const start = Math.max(this.whole[0], Math.min((low + high - span) / 2, this.whole[1] - span));
    this.range = [start, start + span];
    this.pending ??= requestAnimationFrame(() => { this.pending = undefined; this.place(); });
  }

  /** Zoom about the middle: a factor below 1 shows less. */
  zoom(factor) {
    const [low, high] = this.range, middle = (low + high) / 2, half = ((high - low) / 2) * factor;
    this.go(middle - half, middle + half);
  }

  /** Move by a share of what is shown. */
  pan(share) {
    const [low, high] = this.range, by = share * (high - low);
    this.go(low + by, high + by);
  }

  /** Zoom to what fired; again, to the next of it. */
  toPeak() {
    const peaks = this.payload?.peaks ?? [];
    if (!peaks.length) return false;
    this.peak = ((this.peak ?? -1) + 1) % peaks.length;
    const { wave, width } = peaks[this.peak], half = Math.max(PEAK_SPAN, 6 * width) / 2;
    this.go(wave - half, wave + half);
    return true;
  }

  /** Show all. */
  reset() {
    if (this.data) this.go(...this.whole);
  }

  /** Set the scales to what is shown, and draw. */
  place() {
    if (!this.data) return;
    const [low, high] = this.range, y = this.fluxRange(), chi = this.chiRange();
    this.plots.forEach((plot, i) => plot.batch(() => {
      plot.setScale("x", { min: low, max: high });
      plot.setScale("y", i ? { min: chi[0], max: chi[1] } : { min: y[0], max: y[1] });
      plot.redraw(false, true);
    }));
    this.onRange(this.range);
  }

  redraw(axes) {
    for (const plot of this.plots) plot.redraw(false, axes);
  }

  fluxRange() {
    const [from, to] = draw.visible(this.data, ...this.range), { flux, sigma } = this.shown, { log, robust, model } = this.options;
    const found = (robust ? robustRange(flux, sigma, from, to) : fullRange(flux, from, to)) ?? fullRange(flux, from, to) ?? [0, 1];
    const fit = model && this.data.model ? fullRange(this.data.model, from, to) : null;
    let low = Math.min(found[0], fit?.[0] ?? Infinity), high = Math.max(found[1], fit?.[1] ?? -Infinity);
    if (log) {
      high = high > 0 ? high : 1;
      low = Math.max(low, high / 300);
      return [low / 1.3, high * (high / low) ** 0.25];
    }
    if (low < 0.5 * high) low = Math.min(low, 0);
    const pad = (high - low || 1) * 0.05;
    return [low - pad, high + 4.5 * pad];
  }

  chiRange() {
    if (!this.shown.chi) return [-5, 5];
    const [from, to] = draw.visible(this.data, ...this.range);
    const read = this.options.robust ? robustRange(this.shown.chi, null, from, to) : fullRange(this.shown.chi, from, to);
    const [low, high] = read ?? [-5, 5];
    const foot = Math.min(-5, low * 1.1), top = Math.max(5, high * 1.1);
    return [foot, top + (this.payload.peaks?.length ? 0.35 : 0.05) * (top - foot)]; // room for words
  }

  colorsNow() {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  build() {
    this.plots?.forEach((plot) => plot.destroy());
    this.colors = this.colorsNow();
    this.frames[1].hidden = !this.options.residual;
    this.plots = this.options.residual ? [this.make(0), this.make(1)] : [this.make(0)];
    this.place();
  }

  sizes() {
    const width = Math.max(280, this.element.clientWidth);
    const room = Math.max(260, this.element.clientHeight - this.readout.offsetHeight);
    return this.options.residual ? [[width, Math.round(room * 0.68)], [width, room - Math.round(room * 0.68)]] : [[width, room]];
  }

  resize() {
    const sizes = this.sizes();
    this.plots.forEach((plot, i) => {
      if (plot.width !== sizes[i][0] || plot.height !== sizes[i][1]) plot.setSize({ width: sizes[i][0], height: sizes[i][1] });
    });
  }

  make(place) {
    const [width, height] = this.sizes()[place], { colors } = this, last = place === 1 || !this.options.residual;
    const axis = { stroke: colors.axis, grid: { stroke: colors.grid, width: 1 }, ticks: { stroke: colors.grid, width: 1, size: 5 }, font: "12px system-ui, sans-serif", labelFont: "13px system-ui, sans-serif", labelSize: 20 };
    const wave = { ...axis, scale: "x", size: last ? 30 : 6, label: last ? "Observed wavelength (vacuum) [Å]" : undefined,
      values: last ? (u, splits) => splits.map(String) : (u, splits) => splits.map(() => "") };
    const rest = { ...axis, scale: "x", side: 0, size: 26, label: "Rest wavelength [Å]", grid: { show: false },
      splits: (u) => this.restSplits(u), values: (u, splits) => splits.map((one) => String(Math.round((one / (1 + this.options.z)) * 100) / 100)) };
    const value = { ...axis, scale: "y", size: LEFT - 20, label: place ? "Residual [σ]" : "Fλ [10⁻¹⁷ erg s⁻¹ cm⁻² Å⁻¹]" };
    if (!place && this.options.log) value.values = (u, splits) => splits.map((one) => (one === null ? "" : Number(one.toPrecision(2)).toString()));
    const hooks = {
      drawClear: [(u) => this.drawUnder(this.frame(u), place)],
      draw: [(u) => this.drawOver(this.frame(u), place)],
      setSelect: [(u) => this.selected(u)],
      setCursor: [(u) => this.tell(u)],
    };
    const plot = new uPlot({
      width, height, hooks, padding: [place ? 4 : 0, RIGHT, 0, 0], legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false }, sync: { key: this.key(), setSeries: false } },
      scales: { x: { time: false, auto: false, range: (u, min, max) => [min, max] },
        y: { auto: false, distr: !place && this.options.log ? 3 : 1, range: (u, min, max) => [min, max] } },
      axes: place ? [wave, value] : [wave, value, rest],
      series: [{}, { paths: () => null, points: { show: false } }],
    }, [[0, 1], [1, 1]], this.frames[place]);
    gestures(plot.over, { range: () => this.range, go: (low, high) => this.go(low, high), reset: () => this.reset() });
    return plot;
  }

  key() {
    this.syncKey ??= `spectrum-${Math.random()}`;
    return this.syncKey;
  }

  /** Round rest wavelengths, at their observed places. */
  restSplits(u) {
    const scale = 1 + this.options.z, low = u.scales.x.min / scale, high = u.scales.x.max / scale;
    const rough = (high - low) / Math.max(2, u.bbox.width / devicePixelRatio / 90), unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((one) => one * unit >= rough) * unit, found = [];
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at * scale);
    return found;
  }

  frame(u) {
    const { left, top, width, height } = u.bbox, { x, y } = u.scales, log = y.distr === 3;
    const scaled = (value) => (log ? Math.log10(Math.max(value, 1e-9)) : value);
    const low = scaled(y.min), high = scaled(y.max), perX = width / (x.max - x.min), perY = height / (high - low);
    return { ctx: u.ctx, left, top, width, height, ratio: devicePixelRatio || 1,
      x: (value) => left + (value - x.min) * perX, y: (value) => top + height - (scaled(value) - low) * perY, yMin: y.min, yMax: y.max };
  }

  inside(frame, paint) {
    if (!this.data) return;
    const { ctx } = frame;
    ctx.save();
    ctx.beginPath();
    ctx.rect(frame.left, frame.top, frame.width, frame.height);
    ctx.clip();
    paint();
    ctx.restore();
  }

  drawUnder(frame, place) {
    this.inside(frame, () => {
      const { bands = {}, masks = [], peaks = [] } = this.payload, { colors } = this;
      if (this.options.bands) {
        draw.columns(frame, bands.telluric ?? [], colors["band-telluric"]);
        draw.columns(frame, bands.sky ?? [], colors["band-sky"]);
        draw.columns(frame, bands.joins ?? [], colors["band-join"]);
        draw.hatched(frame, masks, colors.mask);
        if (!place) this.bandWords(frame, bands);
      }
      if (this.options.peaks) draw.peaks(frame, peaks, colors.peak, colors.ink, colors.panel, false);
    });
  }

  bandWords(frame, bands) {
    const { ctx, ratio } = frame;
    ctx.font = `${10 * ratio}px system-ui, sans-serif`;
    ctx.fillStyle = this.colors.muted;
    ctx.textAlign = "center";
    ctx.textBaseline = "bottom";
    for (const [kind, word] of [["telluric", "telluric"], ["sky", "sky"], ["joins", "join"]]) {
      for (const [low, high] of bands[kind] ?? []) {
        const wide = frame.x(high) - frame.x(low);
        if (wide > ctx.measureText(word).width + 4 * ratio) ctx.fillText(word, frame.x((low + high) / 2), frame.top + frame.height - 9 * ratio);
      }
    }
  }

  drawOver(frame, place) {
    this.inside(frame, () => (place ? this.drawResidual(frame) : this.drawFlux(frame)));
  }

  drawFlux(frame) {
    const { data, shown, colors, options } = this, [from, to] = draw.visible(data, ...this.range);
    draw.rule(frame, 0, colors.zero);
    draw.lines(frame, this.linesShown(), options.z, this.lineColors());
    if (options.raw && options.smooth) draw.trace(frame, data, data.flux, from, to, colors["flux-raw"]);
    if (options.error) draw.errorBand(frame, data, shown.flux, shown.sigma, from, to, colors["error-band"]);
    options.exposures.forEach((exposure, i) => this.drawExposure(frame, exposure, i));
    draw.trace(frame, data, shown.flux, from, to, colors.flux, { width: 1.1 });
    if (options.model && data.model) {
      if (data.model_sigma) draw.errorBand(frame, data, data.model, data.model_sigma, from, to, colors["model-band"]);
      draw.trace(frame, data, data.model, from, to, colors.model, { width: 1.5 });
    }
    draw.clipped(frame, data, shown.flux, from, to, frame.yMin, frame.yMax, colors["chi-strong"]);
    draw.lineNames(frame, this.linesShown(), options.z, this.lineColors(), colors.panel);
  }

  drawExposure(frame, exposure, i) {
    for (const arm of exposure.arms) {
      arm.grid ??= { wave0: arm.wave0, step: arm.wave_step, n: arm.n, flux: floats(arm.arrays.flux), sigma: floats(arm.arrays.sigma) };
      if (arm.smooth !== this.options.smooth) {
        arm.drawn = smoothed(arm.grid.flux, arm.grid.sigma, this.options.smooth).flux;
        arm.smooth = this.options.smooth;
      }
      const [from, to] = draw.visible(arm.grid, ...this.range);
      draw.trace(frame, arm.grid, arm.drawn, from, to, exposureStyle(i).color, { dash: exposureStyle(i).dash });
    }
  }

  drawResidual(frame) {
    const { data, shown, colors, options } = this;
    draw.rule(frame, 0, colors.zero);
    for (const level of [-3, 3]) draw.rule(frame, level, colors.zero, [4, 4]);
    draw.lines(frame, this.linesShown(), options.z, this.lineColors());
    if (!shown.chi) return;
    const [from, to] = draw.visible(data, ...this.range);
    draw.trace(frame, data, shown.chi, from, to, colors.chi);
    draw.clipped(frame, data, shown.chi, from, to, frame.yMin, frame.yMax, colors["chi-strong"]);
    if (options.peaks) draw.peaks(frame, this.payload.peaks ?? [], "#0000", colors.ink, colors.panel, true);
  }

  lineColors() {
    return Object.fromEntries(["broad", "narrow", "absorption"].map((group) => [group, this.colors[`line-${group}`]]));
  }

  linesShown() {
    return this.catalog.filter((line) => this.options.lines.has(line.group) && !this.options.hiddenIons.has(ionOf(line)));
  }

  selected(u) {
    if (u.select.width < 4) return;
    const low = u.posToVal(u.select.left, "x"), high = u.posToVal(u.select.left + u.select.width, "x");
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.go(low, high);
  }

  /** What lies under the pointer. */
  tell(u) {
    const { left } = u.cursor;
    if (!this.data || left === null || left === undefined || left < 0) { this.readout.textContent = HINT; return; }
    const wave = u.posToVal(left, "x"), i = Math.round((wave - this.data.wave0) / this.data.step);
    const { flux, sigma, chi } = this.shown, number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
    this.readout.textContent = `${wave.toFixed(1)} Å observed · ${(wave / (1 + this.options.z)).toFixed(1)} Å rest · `
      + `flux ${number(flux[i], 3)} ± ${number(sigma[i], 3)}`
      + (this.data.model ? ` · reconstruction ${number(this.data.model[i], 3)}` : "") + (chi ? ` · residual ${number(chi[i], 1)} σ` : "");
  }
}

const PREPARED = new WeakMap();

/** Arrays of a payload, decoded and smoothed; done once, and for what comes next ahead of time. */
export function prepared(payload, width = DEFAULTS.smooth) {
  let kept = PREPARED.get(payload);
  if (!kept) PREPARED.set(payload, (kept = { data: decoded(payload), width: null, shown: null }));
  if (kept.width !== width) {
    const { flux, sigma, chi } = kept.data;
    kept.width = width;
    kept.shown = { ...smoothed(flux, sigma, width), chi: chi ? smoothedChi(chi, width) : null };
  }
  return kept;
}

/** The ion of a line, without the brackets of forbidden lines. */
export const ionOf = (line) => line.name.replace(/[[\]]/g, "");
/** How the i-th exposure is drawn. */
export const exposureStyle = (i) => ({ color: EXPOSURE_COLORS[i % 6], dash: EXPOSURE_DASHES[Math.floor(i / 6) % 4] });
