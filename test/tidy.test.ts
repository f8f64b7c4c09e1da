/**
 * The rules of the house, as far as a machine can hold them. Each says file and line of what breaks it.
 *
 * Every rule brings text that breaks it along, so that a rule which notices nothing any more is found out too.
 */
import assert from 'node:assert/strict'
import { dirname, join, posix } from 'node:path'
import { describe, it } from 'node:test'
import { codeOf, lineOf, readSourceTree, type SourceFile, sourceFile } from './support/source-tree.ts'

interface Rule {
  rule: string
  /** @returns a line for each fault: `path:line: what` */
  faults(files: readonly SourceFile[]): string[]
  /** Files that break it, by path. */
  planted: Record<string, string>
  /** Files that look like it and do not. */
  innocent?: Record<string, string>
}

const MOST_LINES = 500
/** Which packages of ours a package may import. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  host: ['protocol'],
  agent: ['protocol', 'host'],
  receiver: ['protocol', 'host'],
  // It spawns both ends and knows them by their command lines only.
  local: ['host'],
}
const PROTOCOL_IMPORTS = new Set(['node:buffer', 'node:crypto', 'ignore', 'typebox', 'typebox/compile'])
const DECISION_FILES = [
  'packages/agent/src/root/scan/coalesce.ts',
  'packages/agent/src/root/scan/difference.ts',
  'packages/agent/src/root/scan/guard.ts',
  'packages/agent/src/root/scan/root-identity.ts',
  'packages/agent/src/root/scan/retries.ts',
  'packages/agent/src/root/delta/recipe.ts',
  'packages/agent/src/root/pack/changeset-plan.ts',
  'packages/agent/src/serve/feed/session-state.ts',
  'packages/agent/src/root/answer/start-decision.ts',
  'packages/receiver/src/disk/commit/plan.ts',
  'packages/receiver/src/serve/http/readiness.ts',
  'packages/receiver/src/serve/link/backoff.ts',
  'packages/receiver/src/disk/compare/reconcile.ts',
]
/** Gets the process as an argument from each `main.ts`. */
const MAY_NAME_PROCESS = 'packages/host/src/daemon/command-line.ts'

const isScript = ({ path }: SourceFile) => path.endsWith('.ts')
const isTest = ({ path }: SourceFile) => path.endsWith('.test.ts')
const isSource = ({ path }: SourceFile) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path)
const isShipped = (file: SourceFile) => isSource(file) && !isTest(file)
const packageOf = (path: string) => /^packages\/([^/]+)\//.exec(path)?.[1] ?? null

/** Faults wherever `pattern` matches in the code, or in all of the text. */
function matches(files: readonly SourceFile[], part: 'code' | 'text', pattern: RegExp, what: string): string[] {
  return files.flatMap((file) =>
    [...file[part].matchAll(pattern)].map((found) => `${file.path}:${lineOf(file.text, found.index)}: ${what}`),
  )
}

interface Import {
  specifier: string
  line: number
  isTypeOnly: boolean
}

function importsOf({ text, code }: SourceFile): Import[] {
  const found = [...text.matchAll(/\b(?:from|import)\b\s*\(?\s*(['"])([^'"\n]+)\1/g)]
  return found
    .filter(({ index }) => code[index] !== ' ')
    .map(({ index, 2: specifier = '' }) => {
      const statement = code.slice(code.lastIndexOf('import', index), index)
      return { specifier, line: lineOf(text, index), isTypeOnly: /^import\s+type\b/.test(statement) }
    })
}

/** The package of ours that an import leads to, or null. */
function importedPackage(file: SourceFile, specifier: string): string | null {
  const scoped = /^@rootferry\/([^/]+)/.exec(specifier)?.[1]
  if (scoped !== undefined) return scoped
  return specifier.startsWith('.') ? packageOf(posix.join(dirname(file.path), specifier)) : null
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

/** The entries of threads, and all of their packages' files that they load. */
function loadedByThreads(files: readonly SourceFile[]): SourceFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const loaded = new Set(files.filter(({ path }) => /\/src\/(?:root\/root|disk\/disk)-worker\.ts$/.test(path)))
  for (const file of loaded) {
    for (const { specifier, isTypeOnly } of importsOf(file)) {
      const found = isTypeOnly ? undefined : byPath.get(posix.join(dirname(file.path), specifier))
      if (found !== undefined) loaded.add(found)
    }
  }
  return [...loaded]
}

function forProcesses({ path }: SourceFile, { specifier, line, isTypeOnly }: Import): string[] {
  return !isTypeOnly && /^@rootferry\/host\/daemon/.test(specifier) ? [`${path}:${line}: imports ${specifier}`] : []
}

const IMPURE =
  /(?<![.\w])(?:Date\.now|new Date\(\s*\)|Date\(\s*\)|Math\.random|set(?:Timeout|Interval|Immediate)\b|queueMicrotask\b|performance\b|crypto\b|process\b(?!\s*:)|Temporal\.Now|import\.meta)/g

const RULES: Rule[] = [
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
    rule: 'decision files are pure: no file system, process, timer, clock or randomness',
    faults: (files) => {
      const decisions = files.filter(({ path }) => DECISION_FILES.includes(path))
      const imported = decisions.flatMap((file) =>
        importsOf(file)
          .filter(({ specifier, isTypeOnly }) => specifier.startsWith('node:') && !isTypeOnly)
          .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}`),
      )
      return [...imported, ...matches(decisions, 'code', IMPURE, 'is not pure')]
    },
    planted: {
      'packages/agent/src/root/scan/coalesce.ts': "import { statSync } from 'node:fs'\n",
      'packages/agent/src/root/scan/difference.ts': 'const now = Date.now()\n',
      'packages/agent/src/root/scan/guard.ts': "import { setTimeout } from 'node:timers/promises'\n",
      'packages/agent/src/root/scan/retries.ts': 'const now = performance.now()\n',
      'packages/agent/src/root/pack/changeset-plan.ts': "import { spawnSync } from 'node:child_process'\n",
      'packages/agent/src/serve/feed/session-state.ts': 'setTimeout(() => {}, 1)\n',
      'packages/agent/src/root/answer/start-decision.ts': 'const now = new Date()\n',
      'packages/receiver/src/disk/commit/plan.ts': 'const root = process.getuid?.() === 0\n',
      'packages/receiver/src/serve/http/readiness.ts': 'const id = crypto.randomUUID()\n',
      'packages/receiver/src/serve/link/backoff.ts': 'const jitter = Math.random()\n',
      'packages/receiver/src/disk/compare/reconcile.ts': 'const here = import.meta.filename\n',
    },
    innocent: {
      'packages/receiver/src/serve/link/backoff.ts':
        "/** No Math.random here. */\nimport type { Stats } from 'node:fs'\nconst at = new Date(0)\nconst s = 'Date.now()'\n",
    },
  },
  {
    rule: 'only a main.ts touches the process',
    faults: (files) => {
      const others = files.filter((file) => isShipped(file) && !file.path.endsWith('/main.ts'))
      const named = others.filter(({ path }) => path !== MAY_NAME_PROCESS)
      return [
        ...matches(named, 'code', /(?<![.\w])process\b(?=\s*(?:[.,)[;]|\?\.))/g, 'touches the process'),
        ...matches(others, 'text', /\bfrom 'node:process'/g, 'imports the process'),
      ]
    },
    planted: {
      'packages/agent/src/a.ts': 'const home = process.env\n',
      'packages/host/src/daemon/command-line.ts': "import process from 'node:process'\n",
      'packages/local/src/a.ts': 'spawn(process)\n',
    },
    innocent: {
      'packages/agent/src/main.ts': 'process.exit(0)\n',
      'packages/agent/src/a.ts': `// process.env is none of ours\nconst words = \`the process. \${worker.process.pid}\`\n`,
    },
  },
  {
    rule: "threads of roots load nothing that only a process's main thread needs",
    faults: (files) =>
      loadedByThreads(files).flatMap((file) => importsOf(file).flatMap((at) => forProcesses(file, at))),
    planted: {
      'packages/agent/src/root/root-worker.ts': "import { Gauge } from '@rootferry/host/daemon/metrics'\n",
      'packages/receiver/src/disk/disk-worker.ts': "import { readConfigFile } from '@rootferry/host/daemon'\n",
    },
    innocent: {
      'packages/agent/src/root/root-worker.ts': "import { a } from '../a.ts'\nimport type { c } from '../c.ts'\n",
      'packages/agent/src/a.ts':
        "import type { Logger } from '@rootferry/host/daemon'\nimport { Failure } from '@rootferry/host/machine'\n",
      'packages/agent/src/c.ts': "import { createLogger } from '@rootferry/host/daemon'\n",
    },
  },
  {
    rule: 'no file or folder is a drawer: utils, helpers, shared, common, misc',
    faults: (files) =>
      files
        .filter(({ path }) =>
          path.split('/').some((part) => /^(?:utils?|helpers?|shared|common|misc)(?:\.|$)/i.test(part)),
        )
        .map(({ path }) => `${path}:1: says nothing of what is in it`),
    planted: {
      'packages/agent/src/utils.ts': '',
      'packages/agent/src/shared/tokens.ts': '',
      'test/helpers.test.ts': '',
      'bench/misc.md': '',
      'packages/common/package.json': '',
    },
    innocent: { 'packages/agent/src/common-prefix.ts': '' },
  },
  {
    rule: `no source file is longer than ${MOST_LINES} lines`,
    faults: (files) =>
      files.filter(isScript).flatMap(({ path, text }) => {
        const lines = lineOf(text, text.length) - (text.endsWith('\n') ? 1 : 0)
        return lines > MOST_LINES ? [`${path}:${lines}: is ${lines} lines long`] : []
      }),
    planted: { 'test/a.test.ts': '\n'.repeat(MOST_LINES + 1) },
    innocent: { 'test/a.test.ts': '\n'.repeat(MOST_LINES) },
  },
  {
    rule: 'every source file of a package begins with a header comment',
    faults: (files) =>
      files
        .filter(isSource)
        .filter(({ text }) => !/^(?:#![^\n]*\n)?\/\*\*[\s*]+[^\s*/]/.test(text))
        .map(({ path }) => `${path}:1: does not say what it is`),
    planted: {
      'packages/agent/src/a.ts': "import { x } from './b.ts'\n",
      'packages/agent/src/b.ts': '/** */\n',
      'packages/agent/src/c.ts': '',
      'packages/agent/src/d.ts': '// What it is.\n',
    },
    innocent: {
      'packages/agent/src/main.ts': '#!/usr/bin/env node\n/** Entry. */\n',
      'packages/agent/src/a.ts': '/**\n * What it is.\n */\n',
    },
  },
  {
    rule: 'file names are kebab-case',
    faults: (files) =>
      files
        .filter(isScript)
        .filter(({ path }) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/.test(path))
        .map(({ path }) => `${path}:1: is not kebab-case`),
    planted: {
      'packages/agent/src/rootIndex.ts': '',
      'packages/agent/src/root_index.ts': '',
      'packages/agent/src/Tree/a.ts': '',
      'test/a.spec.ts': '',
    },
  },
  {
    rule: 'nothing has the type any',
    faults: (files) => matches(files.filter(isSource), 'code', /(?<![.\w$])any\b(?!\s*[(:])/g, 'is of type any'),
    planted: {
      'packages/agent/src/a.ts': 'const a: any = 1\n',
      'packages/agent/src/b.ts': 'const b = 1 as any\n',
      'packages/agent/src/c.test.ts': 'const c: Record<string, any[]> = {}\n',
    },
    innocent: { 'packages/agent/src/a.ts': '// any\nawait Promise.any([])\nAbortSignal.any([])\n' },
  },
  {
    rule: 'nothing is left to do',
    faults: (files) => matches(files.filter(isSource), 'text', /\b(?:TODO|FIXME|XXX|HACK)\b/g, 'is unfinished'),
    planted: { 'packages/agent/src/a.ts': '// TODO: more\n', 'packages/agent/src/b.ts': '/* FIXME */\n' },
  },
  {
    rule: 'no catch is empty',
    faults: (files) =>
      matches(
        files.filter(isSource),
        'code',
        /\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\(\s*\(\s*\)\s*=>\s*\{\s*\}\s*\)/g,
        'swallows',
      ),
    planted: {
      'packages/agent/src/a.ts': 'try { a() } catch {}\n',
      'packages/agent/src/b.ts': 'try { a() } catch (error) {\n  // never mind\n}\n',
      'packages/agent/src/c.ts': 'void a().catch(() => {})\n',
    },
    innocent: { 'packages/agent/src/a.ts': 'try { a() } catch { return null }\n' },
  },
  {
    rule: 'nothing is written to the console',
    faults: (files) => matches(files.filter(isShipped), 'code', /(?<![.\w])console\s*\./g, 'writes to the console'),
    planted: { 'packages/agent/src/a.ts': "console.log('here')\n", 'packages/agent/src/b.ts': 'console.error(1)\n' },
    innocent: { 'packages/agent/src/a.ts': '// console.log\n' },
  },
  {
    rule: 'no test is left out or the only one; it may skip itself at run time, and says why',
    faults: (files) => {
      const tests = files.filter(isTest)
      const left =
        /(?<!\bt)\.(?:skip|todo|only)\s*\(|\bt\.(?:todo|only)\s*\(|\bt\.skip\(\)|(?<=[{,]\s*)(?:skip|todo|only)\s*:/g
      return matches(tests, 'code', left, 'does not run, or keeps others from running')
    },
    planted: {
      'test/a.test.ts': "it.skip('works', () => {})\n",
      'test/b.test.ts': "it('works', { skip: isRoot }, () => {})\n",
      'test/c.test.ts': "it('works', (t) => t.skip())\n",
      'packages/agent/src/d.test.ts': "describe.only('it', () => {})\n",
      'packages/agent/src/e.test.ts': "test.todo('works')\n",
    },
    innocent: {
      'test/a.test.ts': "it('may skip (.only) this', () => list.skipped)\n",
      'test/b.test.ts': "it('needs root', (t) => (isRoot ? run() : t.skip('not root here')))\n",
    },
  },
  {
    rule: 'no file holds the address of a registry',
    faults: (files) => matches(files, 'text', /https?:\/\/[^\s"'`)]*(?:registry|npmjs)/gi, 'names a registry'),
    planted: {
      '.npmrc': `registry=${'https'}://mirror.local/${'npm-registry'}\n`,
      'README.md': `${'https'}://www.${'npmjs'}.com\n`,
    },
  },
  {
    rule: 'no file holds a path of the machine it was written on',
    faults: (files) => matches(files, 'text', /(?<![\w.})\]*~$-])\/(?:work|root)\//g, 'names a place on one machine'),
    planted: {
      'README.md': `cd ${'/work'}/main\n`,
      'test/a.test.ts': `const a = '${'/root'}/x'\n`,
      'bench/a.ts': `import 'file://${'/work'}/a.ts'\n`,
    },
    innocent: { 'README.md': '`<stateDir>/roots/shop`, a/work/b, ../root/x\n' },
  },
  {
    rule: 'the lockfile holds no address: a package comes from the registry of whoever installs',
    faults: (files) =>
      matches(
        files.filter(({ path }) => path === 'pnpm-lock.yaml'),
        'text',
        /https?:\/\//g,
        'holds an address',
      ),
    planted: { 'pnpm-lock.yaml': `tarball: ${'http'}://localhost/a.tgz\n` },
  },
]

describe('the house', () => {
  const files = readSourceTree(join(import.meta.dirname, '..'))
  const sources = (texts: Record<string, string>) => Object.entries(texts).map(([path, text]) => sourceFile(path, text))

  it('is read as a whole', () => {
    const paths = new Set(files.map(({ path }) => path))
    for (const path of ['package.json', 'pnpm-lock.yaml', '.ci/run', 'test/tidy.test.ts', MAY_NAME_PROCESS]) {
      assert.ok(paths.has(path), path)
    }
    assert.ok(!files.some(({ path }) => path.includes('node_modules/') || path.startsWith('.git/')))
    const packages = new Set(files.map(({ path }) => packageOf(path)).filter((name) => name !== null))
    assert.deepEqual([...packages].sort(), Object.keys(MAY_IMPORT).sort(), 'packages without a rule for their imports')
  })

  it('has every decision file that the rules name', () => {
    const missing = DECISION_FILES.filter((decision) => !files.some(({ path }) => path === decision))
    assert.deepEqual(missing, [])
  })

  for (const { rule, faults, planted, innocent } of RULES) {
    it(rule, () => {
      const found = faults(files)
      assert.equal(found.length, 0, `\n${found.join('\n')}\n`)
    })

    it(`would notice otherwise: ${rule}`, () => {
      for (const [path, text] of Object.entries(planted)) {
        const found = faults(sources({ [path]: text }))
        assert.ok(found[0]?.startsWith(`${path}:`), `${path}: ${text}`)
        assert.match(found[0]?.slice(path.length) ?? '', /^:\d+: ./)
      }
      assert.deepEqual(faults(sources(innocent ?? {})), [])
    })
  }
})

describe('the code of a text', () => {
  const CASES: [string, string][] = [
    ['a // b', 'a'],
    ['a /* b\nc */ d', 'a d'],
    ["a('b\\'c') + d", 'a( ) + d'],
    ['a("//") + b', 'a( ) + b'],
    ['a / b / c', 'a / b / c'],
    ['a(/[/"]/g, b)', 'a( , b)'],
    ['return /x/.test(b)', 'return .test(b)'],
    [`\`a\${b + \`c\${d}\`}e\` + f`, 'b + d + f'],
    [`\`a\${{ b: {} }}c\` + d`, '{ b: {} } + d'],
    ["`it's` + a // b", '+ a'],
  ]
  for (const [text, code] of CASES) {
    it(`of ${text}`, () => assert.equal(codeOf(text).replaceAll(/\s+/g, ' ').trim(), code))
  }

  it('keeps every line of this checkout where it is', () => {
    for (const { path, text, code } of readSourceTree(join(import.meta.dirname, '..'))) {
      assert.equal(code.length, text.length, path)
      assert.equal(code.split('\n').length, text.split('\n').length, path)
    }
  })
})
