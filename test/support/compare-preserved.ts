/**
 * Compares what two trees preserve besides attributes, by the programs that users of rsync know: getfacl, getfattr, and
 * rsync itself, which must have nothing to do. They share nothing with the product.
 */
import { execFileSync, spawnSync } from 'node:child_process'

const MOST_OUTPUT = 256 * 1024 * 1024
const quiet = { encoding: 'utf8', maxBuffer: MOST_OUTPUT } as const

/** The programs of which one is missing; null: all are there. */
export function missingProgram(): string | null {
  const needed = ['getfacl', 'setfacl', 'getfattr', 'setfattr', 'rsync']
  return needed.find((program) => spawnSync(program, ['--version']).error !== undefined) ?? null
}

/** @param kinds `A`: ACLs, `X`: extended attributes, `H`: hard links. @returns a line for every difference */
export function preservedDifferences(source: string, target: string, kinds: string): string[] {
  const found: string[] = []
  if (kinds.includes('A')) found.push(...unequal('getfacl', aclsOf(source), aclsOf(target)))
  if (kinds.includes('X')) found.push(...unequal('getfattr', xattrsOf(source), xattrsOf(target)))
  const options = [`-ain${kinds}`, '--checksum', '--delete', '--exclude=/.rootferry']
  const listed = execFileSync('rsync', [...options, `${source}/`, `${target}/`], quiet)
  return [...found, ...linesOf(listed).map((line) => `rsync: ${line}`)]
}

/** By path, in a fixed order. */
export function aclsOf(root: string): string[] {
  return blocks(execFileSync('getfacl', ['-R', '-P', '-n', '-p', '.'], { ...quiet, cwd: root }))
}

export function xattrsOf(root: string): string[] {
  const all = ['-R', '-P', '-h', '-d', '-m', '^(user\\.|security\\.)', '-e', 'base64', '.']
  return blocks(execFileSync('getfattr', all, { ...quiet, cwd: root }))
}

function blocks(text: string): string[] {
  return text
    .split('\n\n')
    .map((block) =>
      block
        .split('\n')
        .filter((line) => line !== '')
        .join('\n'),
    )
    .filter((block) => block !== '')
    .sort()
}

function unequal(program: string, ours: readonly string[], theirs: readonly string[]): string[] {
  const [here, there] = [new Set(ours), new Set(theirs)]
  const told = (label: string, block: string) => `${program}: ${label}: ${block.replaceAll('\n', ' ')}`
  return [
    ...ours.filter((block) => !there.has(block)).map((block) => told('only at the source', block)),
    ...theirs.filter((block) => !here.has(block)).map((block) => told('only at the target', block)),
  ]
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
