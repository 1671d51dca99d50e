/** Keeps one pane's failure to that pane, says what happened, and lets the reader try again or take the work away. */
import { Component, type ReactNode } from 'react';
import styles from './ErrorBoundary.module.css';

interface Props {
  /** As in “The … pane”. */
  readonly name: string;
  readonly onDownload: () => void;
  readonly children: ReactNode;
}
interface State {
  readonly message: string | undefined;
}

export class ErrorBoundary extends Component<Props, State> {
  override state: State = { message: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    const { message } = this.state;
    if (message === undefined) return this.props.children;
    return (
      <div className={styles.failed} role="alert">
        <p>
          <strong>The {this.props.name} stopped.</strong> The rest goes on, and your work is kept.
        </p>
        <p className={styles.message}>{message}</p>
        <p className={styles.actions}>
          <button type="button" onClick={() => this.setState({ message: undefined })}>
            Try again
          </button>
          <button type="button" onClick={this.props.onDownload}>
            Download my work
          </button>
        </p>
      </div>
    );
  }
}
