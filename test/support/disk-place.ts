/** Where a test makes its files when it is about disks: `test/all.ts` has all others in memory. */
import { tmpdir } from 'node:os'

export function diskPlace(): string {
  return process.env['ROOTFERRY_DISK'] ?? tmpdir()
}
