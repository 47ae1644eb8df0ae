// Calls PortOne V1: a call returns PortOne's response or throws, and a throw never means "not paid".
const { PORTONE_API_URL = 'https://api.iamport.kr', PORTONE_API_KEY, PORTONE_API_SECRET } = process.env;
const KEYS = { imp_key: PORTONE_API_KEY, imp_secret: PORTONE_API_SECRET };

module.exports = async function call(method, path, body, token) {
  token ??= (await call('POST', '/users/getToken', KEYS, '')).access_token; // the same one for half an hour
  const headers = { 'Content-Type': 'application/json', Authorization: token };
  const request = { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) };
  const answer = await fetch(PORTONE_API_URL + path, request);
  const { code, message, response } = await answer.json(); // throws for a proxy's page of HTML
  if (answer.ok && code === 0) return response;
  if (method === 'GET' && answer.status === 404 && code === -1) return null; // PortOne itself says: there is none
  throw new Error(`${method} ${path}: ${answer.status} ${message}`);
};
