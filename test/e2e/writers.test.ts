/**
 * Real programs at work in the docroot: logs that never end, slow uploads, editors, git, installers, and programs that
 * are writing while the agent starts.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

let rig: Rig

before(async () => {
  // A checkout and an install remove more than the guard lets pass.
  rig = await Rig.start({ root: { guard: { maxDeletePercent: 100 } } })
  await rig.converged()
})
after(() => rig[Symbol.asyncDispose]())

const at = (path: string) => join(rig.source, path)

/** Resolves when every target has this content at a path, whatever else is still missing. */
async function arrived(path: string, content: string): Promise<void> {
  await until(
    () => rig.targets.every((target) => contentOf(join(target, path)) === content),
    async () => `${path} did not come: ${JSON.stringify(await rig.status())}`,
  )
}

function contentOf(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

/** A shell of its own that works in the source until it is stopped. */
function shell(script: string, directory: string): ChildProcess & AsyncDisposable {
  const child = spawn('sh', ['-c', script], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  return Object.assign(child, {
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      process.kill(-(child.pid ?? 0), 'SIGKILL')
      await gone
    },
  })
}

test('a log that is written without end does not keep the rest from coming, and comes itself', async () => {
  {
    await using _ = shell(
      'while sleep 0.003; do echo "a line of a log, not the last one"; done >> endless.log',
      rig.source,
    )
    for (let number = 0; number < 10; number += 1) {
      writeFileSync(at('page'), `page ${number}`)
      await arrived('page', `page ${number}`)
    }
    await until(
      () => rig.targets.every((target) => (contentOf(join(target, 'endless.log'))?.length ?? 0) > 0),
      () => 'nothing of the log came while it was written',
    )
    const source = readFileSync(at('endless.log'), 'utf8')
    for (const target of rig.targets)
      assert.ok(source.startsWith(readFileSync(join(target, 'endless.log'), 'utf8')), 'a log that was never written')
  }
  await rig.converged()
  rmSync(at('endless.log'))
  await rig.converged()
})

test('an upload that is open for long: the rest comes meanwhile, and in the end all of it', async () => {
  const pieces = Array.from({ length: 8 }, (_, number) => Buffer.alloc(700_000, `piece ${number} `))
  const file = openSync(at('upload.zip'), 'w')
  for (const [number, piece] of pieces.entries()) {
    writeSync(file, piece)
    writeFileSync(at('page'), `beside piece ${number}`)
    await arrived('page', `beside piece ${number}`)
  }
  closeSync(file)
  await rig.converged()
  for (const target of rig.targets) assert.deepEqual(readFileSync(join(target, 'upload.zip')), Buffer.concat(pieces))
})

test('what editors do when they save: rename over, backup and anew, in place', async () => {
  writeFileSync(at('edited'), 'first\n')
  await rig.converged()
  execFileSync('sed', ['-i', 's/first/second/', at('edited')])
  await arrived('edited', 'second\n')
  // vim with backupcopy=no: the file becomes its own backup, and the text is written to a new file.
  renameSync(at('edited'), at('edited~'))
  writeFileSync(at('edited'), 'third\n')
  rmSync(at('edited~'))
  await arrived('edited', 'third\n')
  writeFileSync(at('.edited.swp'), 'a swap file')
  execFileSync('sh', ['-c', 'echo fourth > edited; rm .edited.swp'], { cwd: rig.source })
  await arrived('edited', 'fourth\n')
  await rig.converged()
})

/** A repository with two releases, one thousand files each: some equal, some edited, some in one release only. */
function makeRepository(directory: string): (...words: string[]) => void {
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...words], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  mkdirSync(directory)
  git('init', '--quiet')
  for (const release of [1, 2]) {
    for (let number = release * 300; number < release * 300 + 1_000; number += 1) {
      const folder = join(directory, `lib/part-${number % 40}`)
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, `${number}.php`), `<?php // ${number % 3 === 0 ? release : 'the same'}\n`)
    }
    for (let number = 0; number < (release - 1) * 600; number += 1)
      rmSync(join(directory, `lib/part-${number % 40}/${number}.php`), { force: true })
    if (release === 2) {
      // A directory of the first release is a link in the second, and a file is a directory.
      rmSync(join(directory, 'lib/part-7'), { recursive: true })
      execFileSync('ln', ['-s', 'part-8', join(directory, 'lib/part-7')])
    }
    git('add', '--all')
    git('commit', '--quiet', '--message', `release ${release}`)
    git('tag', `v${release}`)
  }
  return git
}

test('git checks out one release, and another, and back', async (t: TestContext) => {
  try {
    execFileSync('git', ['--version'], { stdio: 'ignore' })
  } catch {
    t.skip('git is not installed')
    return
  }
  const git = makeRepository(at('shop'))
  await rig.converged()
  for (const tag of ['v1', 'v2', 'v1']) {
    git('checkout', '--quiet', tag)
    await rig.converged()
  }
  git('gc', '--quiet')
  await rig.converged()
})

test('an installer that unpacks beside, renames into place, removes the old one and writes its lists', async () => {
  const install = (version: number) => {
    for (let number = 0; number < 40; number += 1) {
      const beside = at(`vendor/composer/tmp-${version}${number}`)
      mkdirSync(join(beside, 'src/deep'), { recursive: true })
      for (let file = 0; file < 10; file += 1)
        writeFileSync(join(beside, 'src/deep', `Class${file}.php`), `<?php // ${version} of ${number}\n`.repeat(file))
      mkdirSync(at(`vendor/maker-${number % 5}`), { recursive: true })
      rmSync(at(`vendor/maker-${number % 5}/package-${number}`), { recursive: true, force: true })
      renameSync(join(beside, 'src'), at(`vendor/maker-${number % 5}/package-${number}`))
      rmSync(beside, { recursive: true })
      writeFileSync(at('vendor/composer/installed.json'), JSON.stringify({ version, number }))
      writeFileSync(at('vendor/autoload.php.tmp'), `<?php // ${version} ${number}`)
      renameSync(at('vendor/autoload.php.tmp'), at('vendor/autoload.php'))
    }
  }
  for (const version of [1, 2]) {
    install(version)
    await rig.converged()
  }
})

for (const backend of ['chokidar', 'directory']) {
  test(`what is written while the agent starts is not missed (${backend})`, async () => {
    const folders = 60
    const own = await Site.on(rig, {
      // Nothing but the watches finds the change afterwards.
      root: { watch: { backend, rescanMinutes: 1_000 } },
      prepare: (source) => {
        for (let folder = 0; folder < folders; folder += 1) {
          mkdirSync(join(source, `f${folder}/inner`), { recursive: true })
          for (let file = 0; file < 20; file += 1) writeFileSync(join(source, `f${folder}/inner/${file}`), 'before')
        }
      },
    })
    await own.converged()
    await rig.agent?.stop()
    {
      await using _ = shell(
        `i=0; while :; do i=$((i+1)); f=f$((i % ${folders}))
        echo $i > $f/inner/$((i % 20)); mkdir -p $f/new$i/below; echo $i > $f/new$i/below/file; mv $f/new$i $f/moved; rm -r $f/moved
        done`,
        own.source,
      )
      await rig.startAgent()
    }
    await own.converged()
  })
}
