/** Renders CHANGELOG.md for `nx release`: a line for each change; merges say nothing of their own. */
import DefaultChangelogRenderer from 'nx/release/changelog-renderer';

const MERGE = /^Merge (?:branch|pull request|remote-tracking branch|tag)\b/;

export default class Changelog extends DefaultChangelogRenderer {
  override async render(): Promise<string> {
    this.changes = this.changes.filter(({ description }) => !MERGE.test(description));
    return await super.render();
  }
}
