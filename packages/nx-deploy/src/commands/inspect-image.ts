import { readImageDocument } from './image/document.js';
import { imagePlace } from './image/place.js';
import { readProjectImage } from './image/session.js';
import { developmentPackages, inspectLines } from './image/text.js';
import type { CommandContext } from './context.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

/** Layers, sizes and the biggest packages of the image that build-image made, or that Nx's cache restored. */
export function inspectImage(context: CommandContext, options: ReportOptions): Promise<CommandResult> {
  return report(context, options, async () => {
    const image = await readImageDocument(imagePlace(context).document, await readProjectImage(context));
    for (const line of inspectLines(context.projectName, image)) context.output.line(line);
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, image, developmentPackages: developmentPackages(image) } };
  }, 'look');
}
