/** Rules that hold for the text of each file by itself: what the text may say, and what it must say. */
import { lineOf, type SourceFile } from '../support/source-tree.ts'
import { importsOf } from './imports.ts'
import { isScript, isShipped, isSource, isTest, matches, type Rule } from './rule.ts'

const MOST_LINES = 500
/** Receives the process as an argument from each `main.ts`. */
export const MAY_NAME_PROCESS = 'packages/host/src/daemon/command-line.ts'
/** Keeps the runtime's word about an experimental module from a daemon's log, in every thread. */
const MAY_MUTE_PROCESS = 'packages/host/src/machine/libc/load-ffi.ts'
/** A whole process group can be killed through the process only. */
const MAY_KILL_GROUPS = 'packages/host/src/daemon/command-run.ts'
const EXCEPTIONS = new Set([MAY_NAME_PROCESS, MAY_MUTE_PROCESS, MAY_KILL_GROUPS])

/** Whether the header says "Pure". */
function isPure({ text }: SourceFile): boolean {
  return /\bPure\b/.test(/^(?:#![^\n]*\n)?\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? '')
}

/** The functions of node:net that a pure file may import: they tell addresses apart. */
const ONLY_ADDRESSES = /^import \{ (?:(?:isIP|isIPv4|isIPv6|BlockList)(?:, | \}))+ from 'node:net'/m
const IMPURE =
  /(?<![.\w])(?:Date\.now|new Date\(\s*\)|Date\(\s*\)|Math\.random|set(?:Timeout|Interval|Immediate)\b|queueMicrotask\b|performance\b|crypto\b|process\b(?!\s*:)|Temporal\.Now|import\.meta)/g

export const RULES_OF_TEXTS: readonly Rule[] = [
  {
    rule: 'a file whose header says Pure is pure: no file system, process, timer, clock or randomness',
    faults: (files) => {
      const decisions = files.filter((file) => isShipped(file) && isPure(file))
      const imported = decisions.flatMap((file) =>
        importsOf(file)
          .filter(({ specifier, isTypeOnly }) => /^node:(?!assert\b|buffer\b|path\b)/.test(specifier) && !isTypeOnly)
          .filter(({ specifier }) => specifier !== 'node:net' || !ONLY_ADDRESSES.test(file.text))
          .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}`),
      )
      return [...imported, ...matches(decisions, 'code', IMPURE, 'is not pure')]
    },
    planted: {
      'packages/agent/src/a.ts': "/** What it is. Pure. */\nimport { statSync } from 'node:fs'\n",
      'packages/agent/src/b.ts': '/** Pure: it decides. */\nconst now = Date.now()\n',
      'packages/agent/src/c.ts': "/** Pure. */\nimport { setTimeout } from 'node:timers/promises'\n",
      'packages/agent/src/d.ts': '/**\n * What it is.\n *\n * Pure.\n */\nconst now = performance.now()\n',
      'packages/agent/src/e.ts': "/** Pure. */\nimport { spawnSync } from 'node:child_process'\n",
      'packages/agent/src/f.ts': '/** Pure. */\nsetTimeout(() => {}, 1)\n',
      'packages/agent/src/g.ts': '/** Pure. */\nconst now = new Date()\n',
      'packages/receiver/src/h.ts': '/** Pure. */\nconst root = process.getuid?.() === 0\n',
      'packages/receiver/src/i.ts': '/** Pure. */\nconst id = crypto.randomUUID()\n',
      'packages/receiver/src/j.ts': '/** Pure. */\nconst jitter = Math.random()\n',
      'packages/receiver/src/k.ts': '/** Pure. */\nconst here = import.meta.filename\n',
    },
    innocent: {
      'packages/receiver/src/a.ts':
        "/** Pure: no Math.random here. */\nimport type { Stats } from 'node:fs'\nconst at = new Date(0)\nconst s = 'Date.now()'\n",
      'packages/receiver/src/b.ts': '/** Reads the clock. */\nconst now = Date.now() // Pure\n',
    },
  },
  {
    rule: 'nothing throws a RangeError as an answer',
    faults: (files) => matches(files.filter(isShipped), 'code', /\bRangeError\b/g, 'names RangeError'),
    planted: { 'packages/agent/src/a.ts': "throw new RangeError('no')\n" },
    innocent: { 'packages/agent/src/a.ts': "// a RangeError\nthrow new Refusal('no')\n" },
  },
  {
    rule: 'only a main.ts touches the process',
    faults: (files) => {
      const others = files.filter((file) => isShipped(file) && !file.path.endsWith('/main.ts'))
      const named = others.filter(({ path }) => !EXCEPTIONS.has(path))
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
        .filter(({ path }) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.tsx?$/.test(path))
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
    rule: 'the lockfile holds no address: a package comes from the registry that the installer uses',
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
