/** Completion as the shell does it: the test asks bash itself what it would offer. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
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
