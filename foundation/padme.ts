/** Padmé ("Reducing Metadata Leakage from Encrypted Files", section 4): at most 12 % more, and few different sizes. */
export function padme(size: number): number {
  if (size < 2) return size;
  const exponent = Math.floor(Math.log2(size));
  const unit = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return unit <= 1 ? size : Math.ceil(size / unit) * unit;
}
