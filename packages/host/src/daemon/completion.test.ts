/** Completion as the shell does it: the tests ask bash, zsh and fish themselves. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Argument, Command, Option } from 'commander'
import { completionScript } from './completion.ts'

function sample(): Command {
  const program = new Command('ferry-it')
  program.command('status').option('--json', "print it as it's told")
  program.command('resync').addOption(new Option('--check <what>', 'what').choices(['metadata', 'content']))
  program.command('run').option('--config <file>', 'where it is')
  program.command('completion').addArgument(new Argument('<shell>', 'which').choices(['bash', 'zsh']))
  const token = program.command('token')
  token.command('create <name>').option('--admin', 'for admins')
  token.command('list')
  return program
}

/** The completions that bash offers for the last of `words`. */
function offered(...words: string[]): string[] {
  const script = `${completionScript(sample(), 'bash')}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_ferry_it
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout.trim().split('\n')
}

test('verbs are offered at the top, and those of a verb below it', () => {
  assert.deepEqual(offered('ferry-it', ''), ['status', 'resync', 'run', 'completion', 'token', '--help'])
  assert.deepEqual(offered('ferry-it', 'st'), ['status'])
  assert.deepEqual(offered('ferry-it', 'token', ''), ['create', 'list', '--help'])
})

test('options are offered where they belong, and what they accept', () => {
  assert.deepEqual(offered('ferry-it', 'status', '--'), ['--json', '--help'])
  assert.deepEqual(offered('ferry-it', 'token', 'create', 'web1', '--a'), ['--admin'])
  assert.deepEqual(offered('ferry-it', 'resync', '--check', ''), ['metadata', 'content'])
  assert.deepEqual(offered('ferry-it', 'resync', '--check', 'content', '--c'), ['--check'])
})

test('what a verb takes is offered, and of a value of which nothing is known nothing, so that bash takes file names', () => {
  assert.deepEqual(offered('ferry-it', 'completion', ''), ['bash', 'zsh', '--help'])
  assert.deepEqual(offered('ferry-it', 'run', '--config', ''), [''])
  assert.deepEqual(offered('ferry-it', 'resync', '--check', '=', 'con'), ['content'])
  assert.deepEqual(offered('ferry-it', 'resync', '--check', '='), ['metadata', 'content'])
})

test('zsh runs the script of bash, and fish gets a line an offer with its quotes escaped', () => {
  assert.match(completionScript(sample(), 'zsh'), /^autoload -U \+X bashcompinit && bashcompinit\n_ferry_it\(\)/)
  const fish = completionScript(sample(), 'fish')
  assert.ok(
    fish.includes(
      "complete -c ferry-it -n '__fish_seen_subcommand_from status' -l json -d 'print it as it\\'s told'\n",
    ),
    fish,
  )
  assert.ok(fish.includes("-l check -x -a 'metadata content'"), fish)
})

/** Types into an interactive zsh, as a person does, and waits for what each line becomes. */
const ZSH = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; fpath=($1 \\$fpath); autoload -Uz compinit && compinit -u -D; print -r -- is''up"
zpty -r z out '*isup*'
typeset -i number
for typed shown in "\${@:2}"; do
  zpty -w -n z $'\\x15'"$typed"$'\\t'
  zpty -r z out "*$shown*" || exit 1
  number+=1
done
print $number`

test('zsh itself completes verbs and options', (t) => {
  if (spawnSync('zsh', ['--version']).status !== 0) return t.skip('there is no zsh')
  const place = mkdtempSync(join(tmpdir(), 'rootferry-zsh-'))
  t.after(() => rmSync(place, { recursive: true }))
  const script = `#compdef ferry-it\n${completionScript(sample(), 'zsh')}_bash_complete -o default -F _ferry_it\n`
  writeFileSync(join(place, '_ferry-it'), script)
  const cases = [
    ['ferry-it sta', 'status'],
    ['ferry-it token cr', 'create'],
    ['ferry-it token create web1 --ad', '--admin'],
    ['ferry-it resync --check met', 'metadata'],
  ]
  const words = ['-f', '-c', ZSH, 'zsh', place, ...cases.flat()]
  const { status, stdout, stderr } = spawnSync('zsh', words, {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, TERM: 'dumb' },
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
  assert.equal(stdout.trim(), String(cases.length))
})

test('fish itself completes verbs and options', (t) => {
  if (spawnSync('fish', ['--version']).status !== 0) return t.skip('there is no fish')
  const place = mkdtempSync(join(tmpdir(), 'rootferry-fish-'))
  t.after(() => rmSync(place, { recursive: true }))
  const file = join(place, 'ferry-it.fish')
  writeFileSync(file, completionScript(sample(), 'fish'))
  const offers = (line: string) => {
    const { status, stdout, stderr } = spawnSync('fish', ['-c', `source ${file}; complete -C '${line}'`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: place },
    })
    assert.equal(status, 0, stderr)
    return stdout
      .trim()
      .split('\n')
      .map((offer) => offer.split('\t')[0])
  }
  assert.deepEqual(offers('ferry-it sta'), ['status'])
  assert.deepEqual(offers('ferry-it token '), ['create', 'list'])
  assert.deepEqual(offers('ferry-it token create web1 --'), ['--admin'])
  assert.deepEqual(offers('ferry-it resync --check '), ['content', 'metadata'])
})
