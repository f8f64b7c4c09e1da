/**
 * Rules by path: which package may import which, where the wall between two threads is, and which folder lies above
 * which. So a path alone tells which thread runs the code.
 */
import { dirname } from 'node:path'
import { lineOf, type SourceFile } from '../support/source-tree.ts'
import { importedPackage, importsOf, targetOf } from './imports.ts'
import { isShipped, isSource, packageOf, type Rule } from './rule.ts'

/** Which packages of ours a package may import. */
export const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  host: ['protocol'],
  // What is read from and written to NATS: knows no disk, no root and no session.
  nats: ['protocol'],
  agent: ['protocol', 'host', 'nats'],
  // It runs in browsers, and takes from the agent the types of its answers.
  page: ['agent', 'host'],
  receiver: ['protocol', 'host', 'nats'],
  // It spawns both daemons and knows them by their command lines only.
  local: ['host'],
}
const PROTOCOL_IMPORTS = new Set([
  'node:buffer',
  'node:crypto',
  'ignore',
  'typebox',
  'typebox/compile',
  'typebox/value',
])
/** Threads of one package: code of one thread never imports code of the other, and both may import the wall. */
const THREADS: Record<string, readonly [string, string]> = { agent: ['serve', 'root'], receiver: ['serve', 'disk'] }
const WALL = 'root-messages.ts'
/**
 * Places of a thread from the ground up: a file imports only from lower places, or from its own. A place is a folder,
 * or a file that lies loose in the thread's own folder.
 */
const FLOORS: Record<string, readonly (readonly string[])[]> = {
  'packages/agent/src/root': [
    ['turn.ts', 'timers.ts', 'bounds.ts'],
    ['watch', 'index', 'delta'],
    ['scan'],
    ['pack'],
    ['answer'],
  ],
  'packages/receiver/src/disk': [['files'], ['ledger', 'area'], ['commit'], ['stage', 'debts'], ['compare']],
}
function packageRule(name: string): Rule {
  const allowed = MAY_IMPORT[name] ?? []
  const foreign = Object.keys(MAY_IMPORT).find((other) => other !== name && !allowed.includes(other)) ?? ''
  return {
    rule: `${name} imports ${allowed.length === 0 ? 'no other package of ours' : `only ${allowed.join(' and ')} of ours`}`,
    faults: (files) => {
      const own = files.filter((file) => isSource(file) && packageOf(file.path) === name)
      const imported = own.flatMap((file) =>
        importsOf(file).flatMap(({ specifier, line }) => {
          const other = importedPackage(file, specifier)
          const isOurs = other === null || other === name || allowed.includes(other)
          return isOurs ? [] : [`${file.path}:${line}: imports ${specifier}`]
        }),
      )
      const manifest = files.find(({ path }) => path === `packages/${name}/package.json`)
      const needed = [...(manifest?.text.matchAll(/"@rootferry\/([a-z-]+)": "workspace/g) ?? [])]
      const undue = needed.filter(({ 1: other = '' }) => !allowed.includes(other))
      return [
        ...imported,
        ...undue.map((at) => `${manifest?.path}:${lineOf(manifest?.text ?? '', at.index)}: depends on ${at[1]}`),
      ]
    },
    planted: {
      [`packages/${name}/src/a.ts`]: `import { x } from '@rootferry/${foreign}'\n`,
      [`packages/${name}/src/b.ts`]: `import type { x } from '@rootferry/${foreign}'\n`,
      [`packages/${name}/src/deep/c.ts`]: `export * from '../../../${foreign}/src/index.ts'\n`,
      [`packages/${name}/src/d.ts`]: `const x = await import('@rootferry/${foreign}')\n`,
      [`packages/${name}/package.json`]: `"@rootferry/${foreign}": "workspace:*"\n`,
    },
    innocent: {
      [`packages/${name}/src/a.ts`]: `// import { x } from '@rootferry/${foreign}'\nimport { y } from './b.ts'\n`,
      [`packages/${name}/src/b.ts`]: allowed.map((other) => `import '@rootferry/${other}'\n`).join(''),
    },
  }
}

/** `serve`, `root`, `cli` …: the first folder below a package's sources; null for a loose file. */
function wingOf(path: string): string | null {
  return /^packages\/[^/]+\/src\/([^/]+)\//.exec(path)?.[1] ?? null
}

function throughTheWall(file: SourceFile): string[] {
  const [main, thread] = THREADS[packageOf(file.path) ?? ''] ?? [null, null]
  const own = wingOf(file.path)
  if (thread === null || file.path.endsWith('-worker.ts')) return []
  return importsOf(file).flatMap(({ specifier, line }) => {
    const other = wingOf(targetOf(file, specifier) ?? '')
    const isForbidden = own === thread ? other !== null && other !== thread : other === thread
    return isForbidden ? [`${file.path}:${line}: ${own ?? main} imports ${specifier}`] : []
  })
}

/** The floor of a path below `base`, from 0; places that no floor names lie above all of them. */
function floorOf(base: string, path: string): number | null {
  if (!path.startsWith(`${base}/`)) return null
  const floors = FLOORS[base] ?? []
  const place = path.slice(base.length + 1).split('/')[0] ?? ''
  const found = floors.findIndex((places) => places.includes(place))
  return found === -1 ? floors.length : found
}

function importsUpwards(base: string, file: SourceFile): string[] {
  const own = floorOf(base, file.path)
  if (own === null) return []
  return importsOf(file).flatMap(({ specifier, line }) => {
    const target = targetOf(file, specifier)
    const other = target === null ? null : floorOf(base, target)
    const isBeside = target !== null && placeOf(target) === placeOf(file.path)
    const isLoose = own === (FLOORS[base] ?? []).length
    return other === null || other < own || isBeside || isLoose
      ? []
      : [`${file.path}:${line}: imports ${specifier}, which lies above it`]
  })
}

/** A folder; a file in a folder that has subfolders is a place of its own. */
export function placeOf(path: string): string {
  const folder = dirname(path)
  return /^packages\/[^/]+\/src(?:\/(?:root|disk|serve))?$/.test(folder) ? path : folder
}

/** Each circle of places once, with the import that closes it. */
function circles(files: readonly SourceFile[]): string[] {
  const arrows = new Map<string, Map<string, string>>()
  for (const file of files) {
    const from = placeOf(file.path)
    for (const { specifier, line } of importsOf(file)) {
      const target = targetOf(file, specifier)
      if (target === null || placeOf(target) === from) continue
      const out = arrows.get(from) ?? new Map<string, string>()
      arrows.set(from, out.set(placeOf(target), `${file.path}:${line}`))
    }
  }
  const found: string[] = []
  const done = new Set<string>()
  const visit = (place: string, way: readonly string[]): void => {
    for (const [next, at] of arrows.get(place) ?? []) {
      const begin = way.indexOf(next)
      if (begin !== -1) found.push(`${at}: closes a circle: ${[...way.slice(begin), next].join(' → ')}`)
      else if (!done.has(next)) visit(next, [...way, next])
    }
    done.add(place)
  }
  for (const place of arrows.keys()) if (!done.has(place)) visit(place, [place])
  return found
}

export const RULES_OF_PLACES: readonly Rule[] = [
  ...Object.keys(MAY_IMPORT).map(packageRule),
  {
    rule: 'protocol does no I/O: of others it imports only buffer, crypto, typebox and ignore',
    faults: (files) =>
      files
        .filter(
          (file) => isShipped(file) && packageOf(file.path) === 'protocol' && !file.path.endsWith('/arbitraries.ts'),
        )
        .flatMap((file) =>
          importsOf(file)
            .filter(({ specifier }) => !specifier.startsWith('./') && !PROTOCOL_IMPORTS.has(specifier))
            .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}`),
        ),
    planted: { 'packages/protocol/src/a.ts': "import { readFileSync } from 'node:fs'\n" },
    innocent: { 'packages/protocol/src/a.test.ts': "import fc from 'fast-check'\n" },
  },
  {
    rule: 'threads meet in root-messages.ts only: serve never imports root or disk, which import nothing above themselves',
    faults: (files) => files.filter(isShipped).flatMap(throughTheWall),
    planted: {
      'packages/agent/src/serve/feed/a.ts': "import type { Plan } from '../../root/pack/packer.ts'\n",
      'packages/agent/src/config/a.ts': "import { Guard } from '../root/scan/guard.ts'\n",
      'packages/agent/src/root-messages.ts': "import type { Guard } from './root/scan/guard.ts'\n",
      'packages/agent/src/root/scan/a.ts': "import type { Session } from '../../serve/feed/session.ts'\n",
      'packages/receiver/src/disk/a.ts': "import { Hooks } from '../serve/hooks.ts'\n",
      'packages/receiver/src/serve/a.ts': "import { Trash } from '../disk/area/trash.ts'\n",
    },
    innocent: {
      'packages/agent/src/root/scan/a.ts': "import type { Guard } from '../../root-messages.ts'\nimport '../turn.ts'\n",
      'packages/receiver/src/serve/a.ts': "import { DISK_WORKER } from '../disk-worker-url.ts'\n",
    },
  },
  {
    rule: 'root-messages.ts imports the protocol and nothing else',
    faults: (files) =>
      files
        .filter(({ path }) => path.endsWith(`/src/${WALL}`))
        .flatMap((file) =>
          importsOf(file)
            .filter(({ specifier }) => specifier !== '@rootferry/protocol')
            .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}`),
        ),
    planted: { 'packages/agent/src/root-messages.ts': "import { Turn } from 'node:fs'\n" },
    innocent: { 'packages/agent/src/root-messages.ts': "import type { Hello } from '@rootferry/protocol'\n" },
  },
  {
    rule: "root and disk never import host/daemon: threads load nothing that only a process's main thread needs",
    faults: (files) =>
      files
        .filter(({ path }) => /^packages\/(?:agent\/src\/root|receiver\/src\/disk)\//.test(path))
        .flatMap((file) =>
          importsOf(file)
            .filter(({ specifier }) => specifier.startsWith('@rootferry/host/daemon'))
            .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}`),
        ),
    planted: {
      'packages/agent/src/root/a.ts': "import { Gauge } from '@rootferry/host/daemon/metrics'\n",
      'packages/receiver/src/disk/files/a.ts': "import type { Logger } from '@rootferry/host/daemon'\n",
    },
    innocent: {
      'packages/agent/src/serve/a.ts': "import { createLogger } from '@rootferry/host/daemon'\n",
      'packages/agent/src/root/a.ts': "import { Refusal } from '@rootferry/host/machine'\n",
    },
  },
  ...Object.keys(FLOORS).map((base): Rule => {
    const [lowest = [], ...higher] = FLOORS[base] ?? []
    const highest = higher.at(-1)?.[0] ?? ''
    return {
      rule: `within ${base} imports lead downwards: ${(FLOORS[base] ?? []).map((places) => places.join(' ')).join(' < ')}`,
      faults: (files) => files.filter(isShipped).flatMap((file) => importsUpwards(base, file)),
      planted: {
        [`${base}/${highest === '' ? 'a' : higher[0]?.[0]}/a.ts`]: `import { b } from '../${highest}/b.ts'\n`,
        [`${base}/${higher[0]?.[0]}/b.ts`]: "import type { c } from '../loose.ts'\n",
      },
      innocent: {
        [`${base}/${highest}/a.ts`]: `import { b } from '../${lowest[0]?.endsWith('.ts') ? lowest[0] : `${lowest[0]}/b.ts`}'\nimport './c.ts'\n`,
        [`${base}/loose.ts`]: `import { a } from './${highest}/a.ts'\nimport './other.ts'\n`,
      },
    }
  }),
  {
    rule: 'no folders import each other in a circle',
    faults: (files) => circles(files.filter(isShipped)),
    planted: {},
    together: {
      'packages/agent/src/serve/feed/a.ts': "import { b } from '../door/b.ts'\n",
      'packages/agent/src/serve/door/b.ts': "import { c } from './c.ts'\n",
      'packages/agent/src/serve/door/c.ts': "import type { a } from '../feed/d.ts'\n",
    },
    innocent: {
      'packages/agent/src/serve/feed/a.ts': "import { b } from '../door/b.ts'\nimport './c.ts'\n",
      'packages/agent/src/serve/feed/c.ts': "import './a.ts'\n",
      'packages/agent/src/serve/door/b.ts': "import { c } from './c.ts'\n",
    },
  },
]
