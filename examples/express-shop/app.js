// The shop's addresses. It sells an e-book once, and a pass every month.
const { randomBytes, randomUUID } = require('node:crypto');
const express = require('express');
const { payments, start, lookUp, runJobs } = require('./payments');

const { PORT = 3000, PUBLIC_URL = `http://127.0.0.1:${PORT}`, JOB_TOKEN, ...env } = process.env;
const PRODUCTS = new Map([
  ['ebook', { name: '전자책', amount: 9900, channelKey: env.PORTONE_CHANNEL_KEY }],
  ['pass', { name: '월간 이용권', amount: 4900, channelKey: env.PORTONE_BILLING_CHANNEL_KEY }],
]);
const SDK_URL = env.PORTONE_SDK_URL ?? 'https://cdn.iamport.kr/v1/iamport.js';
const PAGE = require('node:fs').readFileSync(`${__dirname}/page.html`, 'utf8').replace('{{SDK_URL}}', SDK_URL);
const TEXTS = { paid: '결제 완료', cancelled: '결제 취소', held: '결제 확인 중' };
const app = express();

app.use(express.json(), express.urlencoded({ extended: false }));
app.use((req, res, next) => { // a buyer is whoever has this cookie; a post from another site comes without it
  req.buyer = /(?:^|; )buyer=([\w-]{36})(?:;|$)/.exec(req.headers.cookie)?.[1] ?? randomUUID();
  res.cookie('buyer', req.buyer, { httpOnly: true, sameSite: 'lax', secure: PUBLIC_URL.startsWith('https:') });
  next();
});

app.get('/', (req, res) => res.send(PAGE));
app.post('/orders', async (req, res) => {
  const { product, buyer_name, buyer_tel } = req.body ?? {};
  const isValid = PRODUCTS.has(product) && /^.{1,15}$/.test(buyer_name) && /^01\d{8,9}$/.test(buyer_tel);
  if (!isValid) return res.status(400).json({ message: '이름과 휴대폰 번호를 확인해 주세요.' });
  const merchant_uid = randomBytes(12).toString('hex');
  const asked = { merchant_uid, ...PRODUCTS.get(product), buyer_name, buyer_tel, pay_method: 'phone', digital: true };
  asked.m_redirect_url = `${PUBLIC_URL}/orders/${merchant_uid}`;
  asked.notice_url = `${PUBLIC_URL}/payment/webhook`;
  if (product === 'pass') asked.customer_uid = merchant_uid; // the window issues a billing key, and charges a month
  await start(req.buyer, asked);
  res.json({ imp_code: env.PORTONE_IMP_CODE, request_pay: asked });
});
app.get('/orders/:id', async (req, res) => { // a phone comes back here from the window; what it brings is not read
  const payment = payments.get(req.params.id);
  if (payment?.status === 'ready') await lookUp(payment).catch((error) => console.error(error.message));
  if (!payment || payment.buyer !== req.buyer) return res.status(404).send('주문이 없습니다.');
  const paid = [...payments.values()].filter((one) => one.order === payment.order && one.status === 'paid');
  const rows = paid.map((one) => `<p>${one.paidOn} ${one.asked.name} ${one.asked.amount}원</p>`).join('');
  res.send(`<!doctype html><html lang="ko"><title>주문</title><h1>${TEXTS[payment.status] ?? '결제 전'}</h1>${rows}`);
});
app.post(['/payment/complete', '/payment/webhook'], async (req, res) => {
  const payment = payments.get(req.body?.merchant_uid);
  res.json({ status: payment ? (await lookUp(payment)).status : 'not_found' });
});
app.post('/jobs', async (req, res) => {
  if (!JOB_TOKEN || req.get('X-Job-Token') !== JOB_TOKEN) return res.sendStatus(403);
  await runJobs(req.body?.today);
  res.json({ payments: payments.size });
});
app.use((error, req, res, next) => { // an unreadable body is a 400, no answer from PortOne a 503
  console.error(error.message);
  res.status(error.expose ? error.status : 503).json({ message: '결제를 확인하고 있습니다. 잠시 후 다시 봐 주세요.' });
});
app.listen(PORT, '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}`));
