import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import '../ui/theme.css';
import '../ui/parts.css';
import './shell.css';
import './offline';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { startSession } from '../stores/session';
import { App } from './App';

void startSession();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
