/**
 * File names for people: a name may hold newlines, escape sequences and quotes, and none of them may reach a terminal,
 * a log line or a page unescaped.
 */

/** The name with control characters, line separators, bidirectional controls and backslashes escaped as in JSON. */
export function printable(name: string): string {
  return name.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\\]|\p{Surrogate}/gu,
    (character) => {
      if (character === '\\') return '\\\\'
      if (character === '\n') return '\\n'
      if (character === '\t') return '\\t'
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
    },
  )
}
