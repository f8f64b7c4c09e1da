#!/usr/bin/env node
/** Entry of rootferry-receiver: the only file of the package that touches the process. */
import { tuneCollector } from '@rootferry/host'
import { runCommand } from '@rootferry/host/process'
import { receiverCommand } from './cli.ts'

tuneCollector()
// Files get the modes they are created with, which are the agent's.
const umask = process.umask(0)
const environment = { token: process.env['ROOTFERRY_TOKEN'], umask }
await runCommand('rootferry-receiver', process, (terminal) => receiverCommand(terminal, environment))
