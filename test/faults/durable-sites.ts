/**
 * Every place in the sources that changes something on a disk, and the steps of `durable-steps.ts` that are seen there
 * at run time: crash tests kill the daemons at each of those steps. A place without a step has a sentence that says
 * why.
 *
 * The table is checked in both directions: `durable-sites.test.ts` finds a call without a row, and the crash tests find
 * a step that no row names, and a step at which no daemon was killed.
 */
export type Site = [calls: number, steps: readonly string[] | string]

const REPLACED = (what: string) => [`write ${what}`, `fsync ${what}`, `rename ${what} to ${what}`, 'fsync state']
const DAMAGE = 'sets a damaged file aside before anything else is done: the next start does it again'
const OWNERS = 'root only, and together with the modes in the same step'
const ACROSS = 'trash on another filesystem than what goes there: piece by piece, the original last'
const DOOMED = 'deletes what is too old or too much: the next start finds the rest by its name'
const DRAFT = 'a draft next to the new file, linked into place when it is whole; a person runs the command again'
const LINKS = 'a name beside its place, which the next attempt makes again, as on another filesystem'
const PRESERVED = 'set with the other attributes of a staged object, or again by the plan that finishes an intent'
const UNUSED = 'no daemon changes a disk by these calls yet'
const IN_VAIN = 'a copy of what was not replaced after all: without it, one too many is in the trash'
const RESTORES = 'a command: each rename leaves the file in the trash or in its place'
const SHOWN = 'says what is so at this moment: the next start removes it, or makes it again'
const ANSWER = "an operator's answer: without it the root waits, or asks, once more"
const CLEANS = 'removes files that are not referenced any more'
const PLACES = 'on another filesystem: made complete beside its place, which the next attempt makes again'

/** By file below packages/, then by call. */
export const SITES: Record<string, Record<string, Site>> = {
  'agent/src/serve/http/admin-secret.ts': { writeDurably: [1, REPLACED('admin-secret')] },
  'agent/src/serve/door/identity.ts': {
    mkdirSync: [1, 'the state directory, which the agent has made by then'],
    writeDurably: [1, REPLACED('identity')],
  },
  'agent/src/serve/door/nodes.ts': {
    writeDurably: [1, 'names of nodes: whole or as before, and a node that is not in it is welcomed anew'],
  },
  'agent/src/serve/door/tokens.ts': { mkdirSync: [1, ['mkdir state']], writeDurably: [1, REPLACED('tokens')] },
  'agent/src/cli/init-command.ts': {
    chmodSync: [2, DRAFT],
    linkSync: [1, DRAFT],
    rmSync: [1, DRAFT],
    writeFileSync: [1, DRAFT],
  },
  'agent/src/root/index/content-rows.ts': { statement: [1, ['write index-wal']] },
  'agent/src/root/index/entry-rows.ts': { statement: [1, ['write index-wal']] },
  'agent/src/root/index/memory-rows.ts': { statement: [1, ['write index-wal']] },
  'agent/src/root/index/statements.ts': { COMMIT: [1, ['write index-wal']] },
  'agent/src/root/index/index-schema.ts': { COMMIT: [2, ['write index-journal', 'write index-wal', 'write index']] },
  'agent/src/root/index/root-index.ts': {
    mkdirSync: [1, ['mkdir state']],
    renameSync: [1, DAMAGE],
    rmSync: [1, DAMAGE],
  },
  'host/src/machine/durable-file.ts': {
    writeFileSync: [1, ['write admin-secret', 'fsync admin-secret']],
    renameSync: [1, ['rename admin-secret to admin-secret']],
    fsyncSync: [1, ['fsync state']],
  },
  'host/src/machine/file-lock.ts': {
    symlinkSync: [1, ['symlink identity', 'symlink tokens']],
    rmSync: [2, ['unlink identity', 'unlink tokens']],
  },
  'host/src/daemon/log-output.ts': { writeSync: [1, 'standard output'] },
  'host/src/machine/make-directories.ts': { mkdirSync: [1, ['mkdir state', 'mkdir trash']] },
  'host/src/machine/remove-tree.ts': { rmSync: [1, ['unlink probe']] },
  'host/src/machine/libc/portable-paths.ts': {
    chmodSync: [1, UNUSED],
    lchownSync: [1, UNUSED],
    linkSync: [1, UNUSED],
    lutimesSync: [1, UNUSED],
    mkdirSync: [1, UNUSED],
    renameSync: [1, UNUSED],
    rmdirSync: [1, UNUSED],
    symlinkSync: [1, UNUSED],
    unlinkSync: [1, UNUSED],
  },
  'receiver/src/disk/files/attributes.ts': {
    chmodSync: [1, ['chmod target']],
    utimesSync: [1, ['utimes target']],
    lutimesSync: [1, ['utimes staging']],
    chownSync: [1, OWNERS],
    lchownSync: [1, OWNERS],
  },
  'receiver/src/disk/files/extended.ts': {
    'calls.set': [1, PRESERVED],
    'calls?.remove': [1, PRESERVED],
  },
  'receiver/src/disk/files/copy-object.ts': {
    copyFileSync: [2, PLACES],
    fsyncSync: [1, 'to a SIGKILL it is the removal of the original that follows'],
    ftruncateSync: [1, PLACES],
    unlinkSync: [1, PLACES],
    mkdirSync: [1, PLACES],
    removeTree: [3, PLACES],
    renameSync: [1, PLACES],
    symlinkSync: [1, PLACES],
  },
  'receiver/src/disk/commit/kept-files.ts': {
    linkSync: [1, ['link target to staging']],
    renameSync: [1, 'a removal in a large burst, which commit/crash.test.ts kills'],
    unlinkSync: [1, ['unlink target']],
  },
  'receiver/src/disk/files/write-sparse.ts': { writeSync: [1, ['write staging', 'write partial']] },
  'receiver/src/disk/commit/link-names.ts': {
    linkSync: [1, LINKS],
    removeTree: [2, LINKS],
    renameSync: [1, LINKS],
  },
  'receiver/src/disk/files/placing-names.ts': { removeTree: [1, LINKS] },
  'receiver/src/disk/files/time-grains.ts': { removeTree: [2, ['unlink probe']] },
  'receiver/src/disk/commit/shared-places.ts': {
    unlinkSync: [1, ['unlink staging']],
  },
  'receiver/src/disk/commit/burst.ts': {
    chmodSync: [1, 'opens up a directory that is closed to its owner, who is not root'],
    mkdirSync: [1, 'where somebody emptied the place meanwhile'],
    renameSync: [1, ['rename staging to target', 'rename partial to target']],
  },
  'receiver/src/disk/commit/precedence.ts': {
    writeFileSync: [1, 'a priority of the running process: nothing on a disk'],
  },
  'receiver/src/disk/commit/durability.ts': {
    'promisify(fsync)': [
      1,
      'comes or not, as `sync -f` was due or not; to a SIGKILL it is the ledger record that follows',
    ],
  },
  'receiver/src/disk/ledger/ledger-file.ts': {
    COMMIT: [3, ['write ledger-journal', 'write ledger-wal', 'write ledger']],
    mkdirSync: [1, 'made with the target by then'],
    renameSync: [1, DAMAGE],
  },
  'receiver/src/disk/ledger/partial-rows.ts': {
    run: [1, ['write ledger-wal']],
    statement: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/ledger/staged-rows.ts': {
    run: [1, ['write ledger-wal']],
    statement: [1, ['write ledger-wal']],
    transaction: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/ledger/mapping-row.ts': {
    run: [1, ['write ledger-wal']],
    statement: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/ledger/volume-row.ts': {
    run: [1, ['write ledger-wal']],
    statement: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/ledger/protect-row.ts': {
    run: [1, ['write ledger-wal']],
    statement: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/ledger/ahead-rows.ts': {
    run: [1, ['write ledger-wal']],
    statement: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/ledger/debt-rows.ts': {
    run: [1, ['write ledger-wal']],
    transaction: [1, ['write ledger-wal']],
    statement: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/ledger/ledger.ts': {
    run: [1, ['write ledger-wal']],
    transaction: [1, ['write ledger-wal']],
    synced: [1, ['write ledger-wal', 'fsync ledger-wal']],
    checkpoint: [1, ['write ledger', 'fsync ledger']],
    statement: [1, ['write ledger-wal']],
  },
  'receiver/src/disk/stage/partial-files.ts': {
    ftruncateSync: [3, ['truncate partial']],
    removeTree: [2, CLEANS],
  },
  'receiver/src/disk/area/removal.ts': { rmdirSync: [1, ['rmdir target']] },
  'receiver/src/disk/stage/staging.ts': {
    mkdirSync: [1, ['mkdir staging']],
    ftruncateSync: [1, 'a file that ends with zeros, together with its writes'],
    futimesSync: [1, ['utimes staging']],
    symlinkSync: [1, ['symlink staging']],
    linkSync: [1, ['link target to staging']],
    fchmodSync: [1, 'a new file with special bits, together with its times'],
    fchownSync: [1, OWNERS],
    removeTree: [8, ['unlink probe']],
  },
  'receiver/src/disk/target.ts': {
    writeFileSync: [1, 'an empty probe'],
    renameSync: [1, 'a probe that is always refused'],
    removeTree: [1, ['unlink probe']],
  },
  'receiver/src/disk/area/demolition.ts': {
    renameSync: [2, DOOMED],
    unlinkSync: [2, DOOMED],
    rmdirSync: [1, DOOMED],
    chmodSync: [1, DOOMED],
  },
  'receiver/src/disk/area/trash.ts': {
    mkdirSync: [1, ['mkdir target']],
    utimesSync: [1, 'the age of a batch: without it, that of its first object'],
    unlinkSync: [1, IN_VAIN],
    rmdirSync: [2, IN_VAIN],
  },
  'receiver/src/disk/area/wall-clock.ts': {
    writeFileSync: [1, ['write state']],
  },
  'receiver/src/disk/area/place-in-batch.ts': { mkdirSync: [1, ['mkdir target']] },
  'receiver/src/disk/area/move.ts': {
    mkdirSync: [1, ACROSS],
    renameSync: [1, ['rename target to target']],
    linkSync: [1, ['link target to target']],
    unlinkSync: [4, ACROSS],
    fsyncSync: [2, 'to a SIGKILL it is the removal of the original that follows'],
    rmdirSync: [2, ACROSS],
  },
  'receiver/src/cli/trash-restore.ts': {
    mkdirSync: [2, RESTORES],
    removeTree: [3, RESTORES],
    renameSync: [2, RESTORES],
    utimesSync: [1, RESTORES],
  },
  'receiver/src/disk/ledger/hook-rows.ts': { run: [1, ['write ledger-wal']], statement: [1, ['write ledger-wal']] },
  'receiver/src/serve/http/ready-file.ts': {
    rmSync: [1, SHOWN],
    writeFileSync: [1, SHOWN],
  },
  'receiver/src/disk/ledger/acceptance.ts': { rmSync: [1, ANSWER], writeDurably: [1, ANSWER] },
  'receiver/src/serve/http/control-secret.ts': { writeDurably: [1, REPLACED('control-secret')] },
  'receiver/src/disk/area/work-area.ts': {
    mkdirSync: [1, ['mkdir staging', 'mkdir trash']],
    unlinkSync: [1, 'something planted under the reserved name'],
    removeTree: [3, CLEANS],
    rmdirSync: [1, 'the empty area inside a target that is a filesystem of its own'],
  },
  'receiver/src/cli/join.ts': {
    writeFileSync: [1, 'a trial in a temporary directory'],
    rmSync: [1, 'a trial in a temporary directory'],
  },
  'receiver/src/cli/renew.ts': {
    writeFileSync: [2, 'a trial in a temporary directory, and a draft beside the file'],
    rmSync: [2, 'the trial and the draft'],
  },
  'receiver/src/cli/take-up.ts': {
    mkdirSync: [1, 'a command: what it leaves is whole or not there'],
    writeDurably: [1, 'a command: what it leaves is whole or not there'],
    chownSync: [1, 'a command: without it a receiver that is not root says that it cannot read the file'],
  },
}

/** The steps of SQLite itself, which finish what our statements began. */
function sqlite(file: string): string[] {
  const [wal, journal] = [`${file}-wal`, `${file}-journal`]
  const ofWal = [`chown ${wal}`, `write ${wal}`, `fsync ${wal}`, `unlink ${wal}`]
  const ofJournal = [`chown ${journal}`, `write ${journal}`, `fsync ${journal}`, `unlink ${journal}`]
  return [...ofWal, ...ofJournal, `write ${file}`, `fsync ${file}`, `truncate ${file}`, 'fsync state']
}

/** The steps at which a test must kill: steps of the agent, of its commands, of the receiver. */
export const STEPS = {
  agent: [...stepsOf('agent/', 'admin-secret', 'index', 'state'), ...stepsOf('', 'identity'), ...sqlite('index')],
  command: [...stepsOf('', 'tokens'), 'fsync state'],
  receiver: [...stepsOf('receiver/'), ...stepsOf('host/src/machine/make-directories.ts'), ...sqlite('ledger')],
}

/** @param places when given, only steps at these places */
function stepsOf(prefix: string, ...places: string[]): string[] {
  const sites = Object.entries(SITES).filter(([file]) => file.startsWith(prefix))
  const steps = sites.flatMap(([, calls]) =>
    Object.values(calls).flatMap(([, of]) => (typeof of === 'string' ? [] : of)),
  )
  return steps.filter((step) => places.length === 0 || places.some((place) => step.includes(place)))
}

const OF_SQLITE = 3
const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'

/**
 * The steps of a daemon at which a test run kills: every eighth of our own steps, and of SQLite's own, whose crash safety is
 * SQLite's business, a few, as the seed selects them; in a long run all.
 */
export function wantedSteps(known: readonly string[], seed: number): Set<string> {
  const ours = new Set(stepsOf(''))
  const [own, sqlites] = [known.filter((name) => ours.has(name)), known.filter((name) => !ours.has(name))]
  const all = [...new Set(sqlites)]
  const from = seed % all.length
  const some = IS_LONG ? all : [...all.slice(from), ...all.slice(0, from)].slice(0, OF_SQLITE)
  return new Set([...own.filter((_, number) => IS_LONG || (number + seed) % 8 === 0), ...some])
}

/** Not required, because they take two commits in one life, or a batch that is older; no surprise where they are seen. */
export const SOMETIMES = ['fsync target', 'utimes trash']
