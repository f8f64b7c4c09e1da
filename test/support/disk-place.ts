/** The place for the files of a test that is about disks: `test/all.ts` keeps those of all others in memory. */
import { tmpdir } from 'node:os'

export function diskPlace(): string {
  return process.env['ROOTFERRY_DISK'] ?? tmpdir()
}
