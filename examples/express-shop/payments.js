// All rules about money. Only PortOne's response changes a payment; what stands between two awaits runs alone.
const fs = require('node:fs');
const call = require('./portone');

const { DATA_FILE = 'data.json', PORTONE_TEST_CHANNEL: TEST_CHANNEL } = process.env;
const payments = new Map(fs.existsSync(DATA_FILE) ? JSON.parse(fs.readFileSync(DATA_FILE, 'utf8')) : []);
const seoulDate = (milliseconds) => new Date(milliseconds + 9 * 3600 * 1000).toISOString().slice(0, 10);

function save(payment) {
  payments.set(payment.asked.merchant_uid, payment);
  fs.writeFileSync(`${DATA_FILE}.new`, JSON.stringify([...payments]));
  fs.renameSync(`${DATA_FILE}.new`, DATA_FILE); // after a crash it is the old file or the new one, never a half
  return payment;
}

// An order's first payment, saved before PortOne hears of it. The registered amount binds the buyer's page.
async function start(buyer, asked) {
  save({ order: asked.merchant_uid, buyer, asked, status: 'ready', at: Date.now() });
  await call('POST', '/payments/prepare', { merchant_uid: asked.merchant_uid, amount: asked.amount });
}

async function lookUp(payment) {
  const found = await call('GET', `/payments/findAll/${payment.asked.merchant_uid}?sorting=-updated&limit=100`);
  for (const report of found?.list ?? []) {
    if (report.status === 'paid' && report.imp_uid !== payment.impUid) await takePaid(payment, report);
    if (report.status === 'cancelled' && report.imp_uid === payment.impUid) payment.status = 'cancelled';
  }
  // A window may still be paid after a decline, so it is looked up for a day. A declined charge is over.
  const isOver = payment.day ? found?.list[0]?.status === 'failed' : Date.now() - payment.at > 24 * 3600 * 1000;
  if (payment.status === 'ready' && isOver) payment.status = 'failed';
  return save(payment);
}

async function takePaid(payment, report) {
  const { amount, customer_uid = null } = payment.asked;
  const expected = { amount, customer_uid, currency: 'KRW', pay_method: 'phone', sandbox: TEST_CHANNEL === 'true' };
  const wrong = Object.keys(expected).find((field) => report[field] !== expected[field]);
  if (wrong) {
    console.error(`${report.imp_uid} is paid, but has another ${wrong}: a person has to decide`);
    if (payment.status === 'ready') payment.status = 'held';
  } else if (payment.impUid) {
    await call('POST', '/payments/cancel', { imp_uid: report.imp_uid, amount, checksum: amount, reason: '중복 결제' });
  } else {
    Object.assign(payment, { status: 'paid', impUid: report.imp_uid, paidOn: seoulDate(report.paid_at * 1000) });
    payments.get(payment.order).last = payment.asked.merchant_uid;
  }
}

// KG's rules: once a calendar month, within five days of last month's; a month left out or cancelled ends the key.
async function chargeMonth(first, today) {
  const last = payments.get(first.last);
  const monthBefore = new Date(Date.parse(`${today.slice(0, 7)}-01`) - 1).toISOString().slice(0, 7);
  if (last?.status !== 'paid' || !last.paidOn.startsWith(monthBefore)) return;
  if (today.slice(8) < first.paidOn.slice(8) && today.slice(8) < '28') return; // every month has a 28th
  let charge = payments.get(first.charge);
  if (charge?.status === 'held' || (charge?.status === 'failed' && charge.day === today)) return; // again tomorrow
  if (charge?.status !== 'ready') {
    const { pay_method, digital, channelKey, m_redirect_url, ...kept } = first.asked;
    first.charge = `${first.order}-${today}`;
    charge = save({ order: first.order, day: today, asked: { ...kept, merchant_uid: first.charge }, status: 'ready' });
  }
  if ((await lookUp(charge)).status !== 'ready') return; // without an answer it throws, and nothing is charged
  await call('POST', '/subscribe/payments/again', charge.asked);
  await lookUp(charge);
}

// For cron, every few minutes: look up what is open, then charge what is due on `today`, a day in Seoul.
async function runJobs(today = seoulDate(Date.now())) {
  for (const payment of payments.values()) {
    try {
      if (payment.status === 'ready') await lookUp(payment);
      if (payment.buyer && payment.asked.customer_uid) await chargeMonth(payment, today);
    } catch (error) {
      console.error(error.message); // the next run looks it up again
    }
  }
}

module.exports = { payments, start, lookUp, runJobs };
