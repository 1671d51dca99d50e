import { describe, expect, it } from 'vitest';
import { isUnreadableHash, md5Crypt, passwordFits } from './password.ts';

describe('passwords of an htpasswd file', () => {
  it('are the ones that htpasswd wrote', () => {
    // htpasswd -nbs, openssl passwd -apr1, openssl passwd -1
    expect(passwordFits('{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=', 'test')).toBe(true);
    expect(passwordFits('{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=', 'Test')).toBe(false);
    expect(passwordFits('$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/', 'test')).toBe(true);
    expect(md5Crypt('a much longer password than sixteen bytes', 'abc', '$apr1$')).toBe('$apr1$abc$IIW/V525X46ri30NUi0KL0');
    expect(md5Crypt('geheim', 'saltsalt', '$1$')).toBe('$1$saltsalt$wTLsTBb/.H7e4VHujepbF0');
  });

  it('that bcrypt has hashed are not read', () => {
    expect(isUnreadableHash('$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC')).toBe(true);
    expect(isUnreadableHash('$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/')).toBe(false);
  });
});
