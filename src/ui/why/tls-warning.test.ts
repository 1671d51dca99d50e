import { describe, expect, it } from 'vitest';
import { ALERT_WORDS } from '../../net/app/tls/messages.ts';
import { VERIFY_TEXTS } from '../../net/app/tls/verify.ts';
import { browserWarning } from './tls-warning.ts';

describe('a browser’s warning', () => {
  it('lets people go on where the certificate is at fault, and says which fault it is', () => {
    for (const code of Object.keys(VERIFY_TEXTS)
      .map(Number)
      .filter((one) => one > 0)) {
      expect(browserWarning({ code }), VERIFY_TEXTS[code]).toMatchObject({ canProceed: true, chrome: expect.stringMatching(/^NET::ERR_CERT_/) });
    }
    expect(browserWarning({ code: 10, alert: 45 }).chrome).toBe('NET::ERR_CERT_DATE_INVALID');
    expect(browserWarning({ code: 62 }).firefox).toBe('SSL_ERROR_BAD_CERT_DOMAIN');
  });

  it('is the end where there is no connection at all', () => {
    for (const alert of Object.keys(ALERT_WORDS).map(Number)) expect(browserWarning({ code: 0, alert }).canProceed).toBe(false);
    expect(browserWarning({ code: 0, alert: 116 }).chrome).toBe('ERR_BAD_SSL_CLIENT_AUTH_CERT');
    expect(browserWarning({ code: 0, alert: 70 }).chrome).toBe('ERR_SSL_VERSION_OR_CIPHER_MISMATCH');
    expect(browserWarning({ code: 0, alert: 255 }).chrome).toBe('ERR_SSL_PROTOCOL_ERROR');
  });
});
