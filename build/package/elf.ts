/**
 * The parts of ELF that a package needs: which libraries a program loads, which versions of their symbols it asks for,
 * and the program without the sections that only debuggers read. Little-endian, 64 bits, as all our targets are. Pure.
 */

export interface Needs {
  /** Names such as `libstdc++.so.6`, in the program's order. */
  libraries: string[]
  /** The versions of each library's symbols, such as `GLIBC_2.28`. */
  versions: Map<string, string[]>
}

interface Section {
  type: number
  flags: bigint
  offset: number
  size: number
  link: number
  /** Place of its header in the file. */
  header: number
}

const SECTION = { strings: 3, dynamic: 6, nothing: 8, neededVersions: 0x6ffffffe } as const
const FLAG_LOADED = 2n
const TAG = { end: 0, needed: 1 } as const
const HEADER = { sectionTable: 40, sectionSize: 58, sectionCount: 60, namesIndex: 62 } as const

export function needsOf(program: Buffer): Needs {
  const sections = sectionsOf(program)
  const dynamic = sections.find(({ type }) => type === SECTION.dynamic)
  if (dynamic === undefined) throw new Error('the program loads no libraries: it has no dynamic section')
  const names = sections[dynamic.link]
  const libraries: string[] = []
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    const tag = Number(program.readBigInt64LE(at))
    if (tag === TAG.end) break
    if (tag === TAG.needed) libraries.push(textAt(program, names, Number(program.readBigUInt64LE(at + 8))))
  }
  return { libraries, versions: versionsOf(program, sections) }
}

function versionsOf(program: Buffer, sections: readonly Section[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const section = sections.find(({ type }) => type === SECTION.neededVersions)
  if (section === undefined) return found
  const names = sections[section.link]
  for (let at = section.offset, next = -1; next !== 0; at += next) {
    const versions: string[] = []
    let entry = at + program.readUInt32LE(at + 8)
    for (let left = program.readUInt16LE(at + 2); left > 0; left -= 1) {
      versions.push(textAt(program, names, program.readUInt32LE(entry + 8)))
      entry += program.readUInt32LE(entry + 12)
    }
    found.set(textAt(program, names, program.readUInt32LE(at + 4)), versions)
    next = program.readUInt32LE(at + 12)
  }
  return found
}

/** The program as it is loaded, byte for byte, without symbols and debugging information: a quarter smaller. */
export function stripped(program: Buffer): Buffer {
  const sections = sectionsOf(program)
  const namesIndex = program.readUInt16LE(HEADER.namesIndex)
  const names = sections[namesIndex]
  // Loaded sections come first, so that sections that refer to each other by number still do.
  const loaded = sections.findLastIndex(({ flags }) => (flags & FLAG_LOADED) !== 0n)
  if (names === undefined || names.type !== SECTION.strings || namesIndex <= loaded) {
    throw new Error('the program names its sections in a way that is not understood')
  }
  const kept = sections.slice(0, loaded + 1)
  const end = Math.max(...kept.map(({ type, offset, size }) => offset + (type === SECTION.nothing ? 0 : size)))
  const namesAt = align(end)
  const tableAt = align(namesAt + names.size)
  const result = Buffer.alloc(tableAt + (kept.length + 1) * 64)
  program.copy(result, 0, 0, end)
  program.copy(result, namesAt, names.offset, names.offset + names.size)
  ;[...kept, names].forEach(({ header }, index) => program.copy(result, tableAt + index * 64, header, header + 64))
  result.writeBigUInt64LE(BigInt(namesAt), tableAt + kept.length * 64 + 24)
  result.writeBigUInt64LE(BigInt(tableAt), HEADER.sectionTable)
  result.writeUInt16LE(kept.length + 1, HEADER.sectionCount)
  result.writeUInt16LE(kept.length, HEADER.namesIndex)
  return result
}

function sectionsOf(program: Buffer): Section[] {
  if (program.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error('not a program for 64-bit little-endian')
  const table = Number(program.readBigUInt64LE(HEADER.sectionTable))
  if (program.readUInt16LE(HEADER.sectionSize) !== 64) throw new Error('the program has sections of an unknown form')
  return Array.from({ length: program.readUInt16LE(HEADER.sectionCount) }, (_, index) => {
    const header = table + index * 64
    return {
      type: program.readUInt32LE(header + 4),
      flags: program.readBigUInt64LE(header + 8),
      offset: Number(program.readBigUInt64LE(header + 24)),
      size: Number(program.readBigUInt64LE(header + 32)),
      link: program.readUInt32LE(header + 40),
      header,
    }
  })
}

function textAt(program: Buffer, names: Section | undefined, offset: number): string {
  const start = (names?.offset ?? 0) + offset
  return program.toString('latin1', start, program.indexOf(0, start))
}

function align(offset: number): number {
  return (offset + 7) & ~7
}
