/**
 * Operations of people and programs on a docroot, one at a time: after each of them both targets equal the source.
 *
 * One agent and two receivers live through all steps, so that each step starts from the tree that the step before left.
 * The steps use different names and do not depend on each other.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { diskPlace } from '../support/disk-place.ts'
import { Rig } from '../support/rig.ts'

const MANY_FILES = 3_000

let rig: Rig
let outside: string

before(async () => {
  // Some operations here remove most of the tree, which would halt a guarded root.
  rig = await Rig.start({
    place: diskPlace(),
    prepare: fill,
    root: { guard: { maxDeletePercent: 100 } },
    receiverRoot: { allowSetuid: true },
  })
  outside = join(rig.place, 'outside')
  mkdirSync(outside)
  await rig.converged()
})
after(() => rig[Symbol.asyncDispose]())

function fill(source: string): void {
  for (const directory of ['app/code/module', 'pub/media/catalog', 'old/deep/deeper', 'swap/a', 'swap/b', 'goes/away'])
    mkdirSync(join(source, directory), { recursive: true })
  for (let number = 0; number < 20; number += 1) {
    writeFileSync(join(source, 'app/code', `file-${number}.php`), `<?php // ${number}\n`.repeat(number + 1))
    writeFileSync(join(source, 'old/deep/deeper', `file-${number}`), Buffer.alloc(number * 1_000, number))
    writeFileSync(join(source, 'goes/away', `file-${number}`), `${number}`)
  }
  writeFileSync(join(source, 'index.php'), '<?php echo 1;\n')
  writeFileSync(join(source, 'swap/a/one'), 'one')
  writeFileSync(join(source, 'swap/b/two'), 'two')
  writeFileSync(join(source, 'pub/media/image.jpg'), Buffer.alloc(3_000_000, 'image'))
  symlinkSync('../app/code', join(source, 'pub/code'))
}

/** A step: the change on the admin server, then the wait for both targets. */
function step(name: string, happen: (at: (path: string) => string) => void): void {
  test(name, async () => {
    happen((path) => join(rig.source, path))
    await rig.converged()
  })
}

step('an edited file', (at) => writeFileSync(at('index.php'), '<?php echo 2;\n'))
step('an appended file', (at) => appendFileSync(at('app/code/file-3.php'), '// more\n'))
step('a truncated file', (at) => truncateSync(at('pub/media/image.jpg'), 1_234_567))
step('a new file', (at) => writeFileSync(at('app/new.php'), 'new'))
step('a deleted file', (at) => unlinkSync(at('app/code/file-4.php')))
step('a chmod of a file and of a directory', (at) => {
  chmodSync(at('app/code/file-5.php'), 0o4711)
  chmodSync(at('app/code/module'), 0o1777)
})
step('a touched file and a touched directory', (at) => {
  utimesSync(at('app/code/file-6.php'), 1_000_000_000, 1_000_000_000.123456)
  utimesSync(at('app/code/module'), 1_000_000_000, 1_000_000_001)
})
step('a renamed file', (at) => renameSync(at('app/code/file-7.php'), at('app/seven.php')))
step('a file renamed over another', (at) => renameSync(at('app/code/file-8.php'), at('app/code/file-9.php')))
step('a renamed directory', (at) => renameSync(at('old'), at('new')))
step('a directory renamed and its old name made anew', (at) => {
  renameSync(at('new/deep'), at('new/deep.bak'))
  mkdirSync(at('new/deep'))
  writeFileSync(at('new/deep/other'), 'other')
})
step('a file replaced by a directory', (at) => {
  unlinkSync(at('app/code/file-10.php'))
  mkdirSync(at('app/code/file-10.php/inner'), { recursive: true })
  writeFileSync(at('app/code/file-10.php/inner/file'), 'inner')
})

test('a directory replaced by a symlink: nothing is deleted through the link', async () => {
  const aim = join(rig.source, 'aim')
  mkdirSync(aim)
  for (const name of ['file-0', 'file-1']) writeFileSync(join(aim, name), 'stays')
  await rig.converged()
  rmSync(join(rig.source, 'goes/away'), { recursive: true })
  symlinkSync('../aim', join(rig.source, 'goes/away'))
  await rig.converged()
  for (const target of rig.targets) assert.equal(readFileSync(join(target, 'aim/file-0'), 'utf8'), 'stays')
})

step('a symlink replaced by a file', (at) => {
  unlinkSync(at('goes/away'))
  writeFileSync(at('goes/away'), 'now a file')
})
step('a symlink replaced by a directory, and one that points elsewhere', (at) => {
  unlinkSync(at('pub/code'))
  mkdirSync(at('pub/code'))
  writeFileSync(at('pub/code/file'), 'real')
  symlinkSync('nowhere', at('pub/link'))
  unlinkSync(at('pub/link'))
  symlinkSync('elsewhere', at('pub/link'))
})
step('two files and two directories swap their names', (at) => {
  for (const [one, other] of [
    ['app/code/file-11.php', 'app/code/file-12.php'],
    ['swap/a', 'swap/b'],
  ] as const) {
    renameSync(at(one), at('between'))
    renameSync(at(other), at(one))
    renameSync(at('between'), at(other))
  }
})
step('a file and a directory swap their names', (at) => {
  renameSync(at('index.php'), at('between'))
  renameSync(at('swap/a'), at('index.php'))
  renameSync(at('between'), at('swap/a'))
})
step('a directory becomes its own parent', (at) => {
  renameSync(at('new/deep.bak'), at('turned'))
  rmSync(at('new'), { recursive: true })
  renameSync(at('turned'), at('new'))
})
step('new directories with files at once', (at) => {
  mkdirSync(at('n1/n2/n3/n4'), { recursive: true })
  for (const path of ['n1/f', 'n1/n2/f', 'n1/n2/n3/f', 'n1/n2/n3/n4/f']) writeFileSync(at(path), path)
})
step('a tree deleted and made again at once, with other content', (at) => {
  rmSync(at('n1'), { recursive: true })
  mkdirSync(at('n1/n2/x'), { recursive: true })
  for (const path of ['n1/f', 'n1/n2/f', 'n1/n2/x/f']) writeFileSync(at(path), `${path} again`)
})
step('a directory moved in from outside', (at) => {
  cpSync(at('app'), join(outside, 'app'), { recursive: true, preserveTimestamps: true })
  renameSync(join(outside, 'app'), at('app-copy'))
})
step('a change in what was moved in', (at) => appendFileSync(at('app-copy/code/file-13.php'), 'after the move'))
step('a directory moved out, and changed there', (at) => {
  renameSync(at('app-copy'), join(outside, 'gone'))
  writeFileSync(join(outside, 'gone/code/stranger'), 'not of the docroot')
})
step('a rename that changes only case', (at) => renameSync(at('app/seven.php'), at('app/Seven.php')))
step('mode and time of the docroot itself', (at) => {
  chmodSync(at('.'), 0o751)
  utimesSync(at('.'), 1_100_000_000, 1_100_000_000.5)
})
step('other content under the same size and times', (at) => {
  const file = at('app/code/file-14.php')
  const { size, atimeMs, mtimeMs } = lstatSync(file)
  writeFileSync(file, Buffer.alloc(size, 'x'))
  utimesSync(file, atimeMs / 1000, mtimeMs / 1000)
})
step('an old file renamed over one of the same size and time', (at) => {
  const file = at('app/code/file-15.php')
  const { size } = lstatSync(file)
  for (const [path, fill] of [
    [file, 'a'],
    [join(outside, 'old'), 'b'],
  ] as const) {
    writeFileSync(path, Buffer.alloc(size, fill))
    utimesSync(path, 1_200_000_000, 1_200_000_000)
  }
  renameSync(join(outside, 'old'), file)
})
step('an empty directory and a file of 0 bytes', (at) => {
  mkdirSync(at('empty'))
  writeFileSync(at('nothing'), '')
})
step('a file emptied', (at) => truncateSync(at('app/code/file-16.php'), 0))
step('a setgid directory with what is made in it', (at) => {
  mkdirSync(at('setgid'))
  chmodSync(at('setgid'), 0o2775)
  mkdirSync(at('setgid/below'))
  writeFileSync(at('setgid/below/file'), 'file')
})
step('another owner', (at) => execFileSync('chown', ['-R', '33:33', at('setgid')]))
step('a copy of a file that belongs to somebody else belongs to who made it', (at) => {
  execFileSync('chown', ['33:33', at('pub/media/image.jpg')])
  execFileSync('cp', [at('pub/media/image.jpg'), at('pub/media/copy.jpg')])
})
step('files and directories without any permission', (at) => {
  mkdirSync(at('closed'))
  writeFileSync(at('closed/file'), 'closed')
  chmodSync(at('closed/file'), 0)
  chmodSync(at('closed'), 0o500)
})
step('a change within a read-only directory', (at) => writeFileSync(at('closed/file'), 'closed again'))
step('a pair of hard links', (at) => linkSync(at('app/code/file-17.php'), at('app/linked')))
// Linux reports a write only under the name that was written through. The other name is found when it is touched, or by
// a rescan.
step('an edit through one of two hard links', (at) => appendFileSync(at('app/linked'), 'through the second name'))
step('a hard link broken', (at) => {
  unlinkSync(at('app/linked'))
  writeFileSync(at('app/linked'), 'its own now')
})
step('a sparse file', (at) => {
  writeFileSync(at('sparse'), 'head')
  truncateSync(at('sparse'), 20_000_000)
})
step(`${MANY_FILES} files unpacked at once`, (at) => {
  for (let number = 0; number < MANY_FILES; number += 1) {
    const directory = at(`release/d${number % 50}`)
    if (number < 50) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `file-${number}`), `${number}\n`.repeat(number % 200))
  }
})
step('a release removed and another one written', (at) => {
  rmSync(at('release'), { recursive: true })
  for (let number = 0; number < MANY_FILES / 6; number += 1) {
    const directory = at(`release/e${number % 50}`)
    if (number < 50) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `file-${number}`), `${number}\n`.repeat(number % 100))
  }
})
step('everything but one file removed', (at) => {
  for (const name of ['app', 'pub', 'new', 'swap', 'goes', 'aim', 'release', 'n1', 'setgid', 'closed', 'index.php'])
    rmSync(at(name), { recursive: true })
})
