/**
 * Compares the table of durable sites with the sources: a new site without a row fails, and so does a row without a
 * site.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SITES } from './durable-sites.ts'

const PACKAGES = join(import.meta.dirname, '../../packages')
const CALLS =
  /\b(?<fs>(?:rename|mkdir|rmdir|unlink|rm|link|symlink|cp|copyFile|write|writeFile|appendFile|truncate|ftruncate|fsync|fdatasync|chmod|fchmod|chown|fchown|lchown|utimes|futimes|lutimes)Sync)\(|(?<!function )\b(?<ours>writeDurably|removeTree)\(|(?<attribute>calls\??\.(?:set|remove))\(descriptor, name, attribute|#file\.(?<ledger>run|transaction|synced|checkpoint)\(|\.exec\((?<commit>['`](?:BEGIN[^'`]*)?COMMIT)|['`](?<statement>INSERT|UPDATE|DELETE) |(?<promised>promisify\(fsync\))/g

/** @returns how often each call occurs in a text; any number of database statements is one step */
function durableCalls(text: string): Record<string, number> {
  const found: Record<string, number> = {}
  for (const { groups = {} } of text.replaceAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, '').matchAll(CALLS)) {
    const { fs, ours, ledger, commit, statement, promised, attribute } = groups
    const call =
      fs ?? ours ?? attribute ?? ledger ?? promised ?? (commit !== undefined ? 'COMMIT' : statement && 'statement')
    const isSql = ledger !== undefined || statement !== undefined
    if (call !== undefined) found[call] = isSql ? 1 : (found[call] ?? 0) + 1
  }
  return found
}

function sources(): string[] {
  const all = globSync('{agent,receiver,host}/src/**/*.ts', { cwd: PACKAGES })
  return all.filter((path) => !path.endsWith('.test.ts') && !/\/(?:test-\w+|watching-owner)\.ts$/.test(path)).sort()
}

test('every call that changes something on a disk has its row, and every row its calls', () => {
  const found = Object.fromEntries(
    sources()
      .map((path) => [path, durableCalls(readFileSync(join(PACKAGES, path), 'utf8'))] as const)
      .filter(([, calls]) => Object.keys(calls).length > 0),
  )
  const told = Object.fromEntries(
    Object.entries(SITES).map(([path, calls]) => [
      path,
      Object.fromEntries(Object.entries(calls).map(([call, [count]]) => [call, count])),
    ]),
  )
  assert.deepEqual(found, told, 'a durable step was added or is gone: say in durable-sites.ts which test kills there')
})

test('a durable call is found however it is written', () => {
  assert.deepEqual(durableCalls("fs.renameSync(a, b)\n  writeDurably(c)\nthis.#file.run('UPDATE x')"), {
    renameSync: 1,
    writeDurably: 1,
    run: 1,
    statement: 1,
  })
  assert.deepEqual(durableCalls('// renameSync(a, b)\nfunction writeDurably(path)\nlstatSync(a)'), {})
})
