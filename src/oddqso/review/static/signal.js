// Numbers of a spectrum: decoding, smoothing, and ranges that ignore spikes.

/** Base64 of little-endian float32 to an array. */
export function floats(text) {
  if (Uint8Array.fromBase64) return new Float32Array(Uint8Array.fromBase64(text).buffer);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

/** Arrays of a payload by name, and its grid. */
export function decoded(payload) {
  const arrays = Object.fromEntries(Object.entries(payload.arrays).map(([name, text]) => [name, floats(text)]));
  return { wave0: payload.wave0, step: payload.wave_step, n: payload.n, ...arrays };
}

/** A Gaussian of `width` pixels (one standard deviation), cut at three. */
function kernel(width) {
  const half = Math.ceil(3 * width);
  return Float64Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-0.5 * ((i - half) / width) ** 2));
}

/**
 * Flux smoothed with inverse-variance weights, and its error.
 *
 * f' = sum(k w f) / sum(k w) and sigma' = sqrt(sum(k^2 w)) / sum(k w), with w = 1 / sigma^2. A pixel without data
 * stays without.
 */
export function smoothed(flux, sigma, width) {
  if (!width) return { flux, sigma };
  const k = kernel(width), half = (k.length - 1) / 2, n = flux.length;
  const weight = new Float64Array(n), product = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    if (!(sigma[i] > 0) || !(flux[i] === flux[i])) continue;
    weight[i] = 1 / (sigma[i] * sigma[i]);
    product[i] = weight[i] * flux[i];
  }
  const out = { flux: new Float32Array(n).fill(NaN), sigma: new Float32Array(n).fill(NaN) };
  for (let i = 0; i < n; i++) {
    if (weight[i] === 0) continue;
    let sum = 0, weights = 0, squares = 0;
    const low = Math.max(0, i - half), high = Math.min(n - 1, i + half);
    for (let j = low; j <= high; j++) {
      const kj = k[j - i + half];
      sum += kj * product[j];
      weights += kj * weight[j];
      squares += kj * kj * weight[j];
    }
    out.flux[i] = sum / weights;
    out.sigma[i] = Math.sqrt(squares) / weights;
  }
  return out;
}

/** Residuals in sigma, smoothed so that noise keeps unit width: sum(k chi) / sqrt(sum(k^2)). */
export function smoothedChi(chi, width) {
  if (!width) return chi;
  const k = kernel(width), half = (k.length - 1) / 2, n = chi.length;
  const out = new Float32Array(n).fill(NaN);
  for (let i = 0; i < n; i++) {
    if (chi[i] !== chi[i]) continue;
    let sum = 0, squares = 0;
    for (let j = Math.max(0, i - half); j <= Math.min(n - 1, i + half); j++) {
      if (chi[j] !== chi[j]) continue;
      const kj = k[j - i + half];
      sum += kj * chi[j];
      squares += kj * kj;
    }
    out[i] = sum / Math.sqrt(squares);
  }
  return out;
}

/**
 * Least and largest value from pixel `from` to `to`, of running medians of five pixels: spikes of one or two pixels
 * do not count, nor do pixels whose error is beyond four times the median error. Null where there is nothing.
 */
export function robustRange(values, sigma, from, to) {
  const most = sigma ? 4 * median(sigma, from, to) : Infinity;
  let low = Infinity, high = -Infinity;
  const recent = [];
  for (let i = from; i <= to; i++) {
    if (values[i] !== values[i] || (sigma && !(sigma[i] <= most))) continue;
    recent.push(values[i]);
    if (recent.length > 5) recent.shift();
    if (recent.length < 5) continue;
    const middle = [...recent].sort((a, b) => a - b)[2];
    if (middle < low) low = middle;
    if (middle > high) high = middle;
  }
  return low <= high ? [low, high] : null;
}

/** Least and largest value from pixel `from` to `to`; null where there is nothing. */
export function fullRange(values, from, to) {
  let low = Infinity, high = -Infinity;
  for (let i = from; i <= to; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return low <= high ? [low, high] : null;
}

function median(values, from, to) {
  const step = Math.max(1, Math.floor((to - from) / 500)), some = [];
  for (let i = from; i <= to; i += step) if (values[i] === values[i]) some.push(values[i]);
  return some.length ? some.sort((a, b) => a - b)[some.length >> 1] : Infinity;
}
