/**
 * The header of an entry of a segment's archive, byte for byte: POSIX ustar, of which only the name, the size and the
 * checksum differ between entries. Pure.
 *
 *   numbers := octal digits with leading zeros, one space, and zero bytes to the end of the field
 */
import { Buffer } from 'node:buffer'
import { SEGMENT_TAR } from './changeset.ts'

export const TAR_BLOCK = 512
/** An octal size of 11 digits. */
const SIZE = { at: 124, digits: 11 }
const CHECKSUM = { at: 148, digits: 6 }
/** As a checksum counts its own field. */
const BLANK = ' '.repeat(8)

const CONSTANT = Buffer.alloc(TAR_BLOCK)
CONSTANT.write(octal(SEGMENT_TAR.mode, 6), 100)
CONSTANT.write(octal(SEGMENT_TAR.uid, 6), 108)
CONSTANT.write(octal(SEGMENT_TAR.gid, 6), 116)
CONSTANT.write(octal(SEGMENT_TAR.mtime.getTime(), 11), 136)
CONSTANT.write('0', 156)
CONSTANT.write('ustar\0' + '00', 257)
CONSTANT.write(octal(0, 6), 329)
CONSTANT.write(octal(0, 6), 337)

/** @param name in ASCII, at most 100 characters @param size at most LIMITS.segmentBytes */
export function segmentHeader(name: string, size: number): Buffer {
  const header = Buffer.from(CONSTANT)
  header.write(name, 0, 'latin1')
  header.write(octal(size, SIZE.digits), SIZE.at)
  header.write(BLANK, CHECKSUM.at)
  let sum = 0
  for (const byte of header) sum += byte
  header.fill(0, CHECKSUM.at, CHECKSUM.at + BLANK.length)
  header.write(octal(sum, CHECKSUM.digits), CHECKSUM.at)
  return header
}

function octal(number: number, digits: number): string {
  return `${number.toString(8).padStart(digits, '0')} `
}
