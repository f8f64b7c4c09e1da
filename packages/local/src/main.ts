/** `npm start -- SOURCE TARGET…`: one agent and a receiver for every target, on this machine, without configuration. */
import { CommanderError } from 'commander'
import { parseArguments, UsageError } from './arguments.ts'
import { run } from './run.ts'

const workingDirectory = process.env['INIT_CWD'] ?? process.cwd()
const stop = new AbortController()
const hurry = new AbortController()
// HUP means that the terminal is closed. The daemons would take HUP for a reload, and would stay.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) {
      hurry.abort()
      process.exit(1)
    }
    stop.abort()
  })
}
try {
  const request = parseArguments(process.argv, workingDirectory)
  process.exitCode = await run(request, {
    out: (text) => process.stdout.write(text),
    say: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    columns: () => process.stderr.columns ?? 80,
    node: process.execPath,
    environment: process.env,
    stop: stop.signal,
    hurry: hurry.signal,
  })
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`rootferry: ${message}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
