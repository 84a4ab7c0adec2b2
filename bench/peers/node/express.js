// The hook as Okta's guide builds it: Express, express-basic-auth, a JSON body; with pg and native bcrypt behind it.
'use strict'

const express = require('express')
const basicAuth = require('express-basic-auth')
const { answer, isRight } = require('./passwords')

const app = express()
app.use(basicAuth({ users: { [process.env.BASIC_AUTH_USER]: process.env.BASIC_AUTH_PASSWORD } }))
app.use(express.json())

app.post('/okta/password-import', async (request, response) => {
  const { username, password } = request.body.data.context.credential
  response.json(answer(await isRight(username, password)))
})

app.listen(Number(process.env.PORT), '127.0.0.1')
