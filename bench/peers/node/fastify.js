// The same hook on Fastify, with the answer's schema declared, as its documentation advises.
'use strict'

const fastify = require('fastify')()
const { answer, isRight } = require('./passwords')

const expected = 'Basic ' +
  Buffer.from(`${process.env.BASIC_AUTH_USER}:${process.env.BASIC_AUTH_PASSWORD}`).toString('base64')
const value = { type: 'object', properties: { credential: { type: 'string' } } }
const command = { type: 'object', properties: { type: { type: 'string' }, value } }
const schema = {
  response: { 200: { type: 'object', properties: { commands: { type: 'array', items: command } } } }
}

fastify.addHook('onRequest', async (request, reply) => {
  if (request.headers.authorization !== expected) return reply.code(401).send()
})

fastify.post('/okta/password-import', { schema }, async (request) => {
  const { username, password } = request.body.data.context.credential
  return answer(await isRight(username, password))
})

fastify.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
