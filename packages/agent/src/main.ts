/** Entry of rootferry-agent: the only file of the package that touches the process. */
import { runCommand } from '@rootferry/host/daemon'
import { tuneCollector } from '@rootferry/host/machine'
import { agentCommand } from './cli/agent-command.ts'

tuneCollector()
process.umask(0o077)
await runCommand('rootferry-agent', process, (terminal) => agentCommand(terminal, process.env['ROOTFERRY_TOKEN']))
