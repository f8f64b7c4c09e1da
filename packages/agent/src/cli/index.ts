/** What `main.ts` runs: the command line, with how a command is run on this machine. Loaded as one. */
export { runCommand } from '@rootferry/host/daemon'
export { tuneCollector } from '@rootferry/host/machine'
export { agentCommand } from './agent-command.ts'
