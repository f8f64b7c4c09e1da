/** Messages that quote what somebody else wrote, for a terminal. Pure. */
import { printable } from '../machine/printable.ts'

/** The message in one line, without what steers a terminal. A backslash stays: what was escaped before is not again. */
export function inOneLine(message: string): string {
  return message.split('\\').map(printable).join('\\')
}
