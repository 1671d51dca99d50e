/** goyaml's order of keys (goyaml.v2: sorter.go). */

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isLetter = (char: string): boolean => /\p{L}/u.test(char);

/** goyaml's order of keys: letters after other characters, runs of digits by their number. */
export function compareKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i += 1) {
    const l = left[i] ?? '';
    const r = right[i] ?? '';
    if (l === r) continue;
    const leftLetter = isLetter(l);
    const rightLetter = isLetter(r);
    if (leftLetter && rightLetter) return l < r ? -1 : 1;
    if (leftLetter || rightLetter) return rightLetter ? -1 : 1;
    let leftNumber = 0;
    let rightNumber = 0;
    if (l === '0' || r === '0') {
      for (let j = i - 1; j >= 0 && isDigit(left[j]?.charCodeAt(0) ?? 0); j -= 1) {
        if (left[j] !== '0') {
          leftNumber = 1;
          rightNumber = 1;
          break;
        }
      }
    }
    let leftEnd = i;
    while (leftEnd < left.length && isDigit(left[leftEnd]?.charCodeAt(0) ?? 0)) leftNumber = leftNumber * 10 + Number(left[leftEnd++]);
    let rightEnd = i;
    while (rightEnd < right.length && isDigit(right[rightEnd]?.charCodeAt(0) ?? 0)) rightNumber = rightNumber * 10 + Number(right[rightEnd++]);
    if (leftNumber !== rightNumber) return leftNumber < rightNumber ? -1 : 1;
    if (leftEnd !== rightEnd) return leftEnd < rightEnd ? -1 : 1;
    return l < r ? -1 : 1;
  }
  return left.length - right.length;
}
