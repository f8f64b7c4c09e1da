/** The command lines of the daemons as trees to read: manual pages and completions are made from them. */
import type { Command } from 'commander'
import { agentCommand } from '../../packages/agent/src/cli/agent-command.ts'
import type { Terminal } from '../../packages/host/src/daemon/command-line.ts'
import { ServiceManager } from '../../packages/host/src/daemon/service-manager.ts'
import { receiverCommand } from '../../packages/receiver/src/cli/receiver-command.ts'
import type { DaemonName } from '../programs.ts'

/** A terminal without a person: the trees are read and never run. */
const NOBODY: Terminal = {
  out: nothing,
  say: nothing,
  input: () => Promise.resolve(''),
  colour: false,
  isJournal: false,
  isInteractive: false,
  width: Number.POSITIVE_INFINITY,
  isTerminal: false,
  columns: () => 80,
  rows: () => 24,
  endWith: nothing,
  stopSignal: () => Promise.resolve(),
  unread: Promise.resolve(),
  isForeground: () => false,
  onHangup: nothing,
  service: new ServiceManager({}, 0, nothing),
}

export function commandOf(daemon: DaemonName): Command {
  return daemon === 'agent'
    ? agentCommand(NOBODY, { token: undefined, withCallersUmask: (start) => start() })
    : receiverCommand(NOBODY, { token: undefined, umask: 0 })
}

function nothing(): void {
  // Says nothing.
}
