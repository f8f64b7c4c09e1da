/**
 * Verbs of both programs, run in the process of the test: everything from the arguments to the exit code, by the same
 * modules, but without a process for each, whose start takes far longer than most verbs.
 *
 * What belongs to a process is for tests that start one: signals, terminals, the umask, and that a program starts at all.
 * A verb must not be `run`, nor start other programs.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pid } from 'node:process'
import { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { AGENT, RECEIVER } from '../../build/programs.ts'

export interface Outcome {
  status: number
  stdout: string
  stderr: string
}

export interface Surroundings {
  /** All of stdin. */
  input?: string
  /** The value of ROOTFERRY_TOKEN. */
  token?: string
}

type CommandLines = typeof import('../../packages/agent/src/cli/index.ts') &
  typeof import('../../packages/receiver/src/cli/index.ts')

/** A verb of rootferry-agent. */
export async function agentVerb(words: readonly string[], { token, input }: Surroundings = {}): Promise<Outcome> {
  const { agentCommand, runCommand } = await commandLineOf(AGENT)
  const caller = { token, withCallersUmask: <Started>(start: () => Started) => start() }
  return ended(words, input, (process) =>
    runCommand('rootferry-agent', process, (terminal) => agentCommand(terminal, caller)),
  )
}

/** A verb of rootferry-receiver. */
export async function receiverVerb(words: readonly string[], { token, input }: Surroundings = {}): Promise<Outcome> {
  const { receiverCommand, runCommand } = await commandLineOf(RECEIVER)
  return ended(words, input, (process) =>
    runCommand('rootferry-receiver', process, (terminal) => receiverCommand(terminal, { token, umask: 0o022 })),
  )
}

/** The module that the program loads: of the bundle, or of the sources when these are newer. */
async function commandLineOf(program: string): Promise<CommandLines> {
  const [, module = ''] = /import\(['"](\.\/cli[^'"]*)['"]\)/.exec(readFileSync(program, 'utf8')) ?? []
  return (await import(pathToFileURL(join(dirname(program), module)).href)) as CommandLines
}

class Exit {
  readonly status: number

  constructor(status: number) {
    this.status = status
  }
}

async function ended(
  words: readonly string[],
  input: string | undefined,
  run: (process: NodeJS.Process) => Promise<never>,
): Promise<Outcome> {
  const said = { stdout: '', stderr: '' }
  const into = (stream: 'stdout' | 'stderr') =>
    new Writable({
      decodeStrings: false,
      write: (text: string, _encoding, written) => {
        said[stream] += text
        written()
      },
    })
  const process = {
    argv: ['node', 'program', ...words],
    env: {},
    pid,
    stdin: Readable.from([input ?? '']),
    stdout: into('stdout'),
    stderr: into('stderr'),
    on: () => undefined,
    exit: (status: number) => {
      throw new Exit(status)
    },
  }
  try {
    return await run(process as unknown as NodeJS.Process)
  } catch (error) {
    if (error instanceof Exit) return { status: error.status, ...said }
    throw error
  }
}
