/**
 * File names for people: a name may hold newlines, escape sequences and quotes, and none of them may reach a terminal,
 * a log line or a page unescaped. Nor may two names look alike because a character of one is not seen.
 */

/** Controls, what is not seen or turns a line around, half characters, spaces that are not the usual one, backslashes. */
const ESCAPED = /[\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Surrogate}\u2800]|(?! )\p{Zs}/gu

/** The name with such characters escaped as in JSON. */
export function printable(name: string): string {
  return name.replace(ESCAPED, (character) => {
    if (character === '\\') return '\\\\'
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('')
  })
}
