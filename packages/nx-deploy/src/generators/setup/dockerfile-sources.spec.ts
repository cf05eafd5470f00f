import { copiesFrom } from './dockerfile-sources.js';

const folders = ['apps/web', 'dist/apps/web'];

it.each([
  'COPY apps/web/nginx.conf /etc/nginx/',
  'FROM a\n  copy --chown=1:1 package.json ./apps/web /app/',
  'ADD ["dist/apps/web", "/srv"]',
  'COPY --link --chmod=644 \\\n  a.txt \\\r\n  /dist/apps/web/ \\\n  /srv/',
])('needs the workspace: %j', (dockerfile) => {
  expect(copiesFrom(dockerfile, folders)).toBe(true);
});

it.each([
  'COPY . .',
  'COPY dist /srv/apps/web',
  'COPY --from=build apps/web /srv',
  'COPY --chown=1 --from=build dist/apps/web /srv',
  'COPY apps/website /srv',
  '# COPY apps/web /srv',
  'RUN cp apps/web /srv',
  'COPY ["dist/apps/web"',
  'COPY [1, 2]',
  'COPY',
  '',
])('does not: %j', (dockerfile) => {
  expect(copiesFrom(dockerfile, folders)).toBe(false);
});
